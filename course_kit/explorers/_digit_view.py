"""What class a network takes a drawing for: computed, drawn, and put into words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib import plotting as splt
from tutorial_lib.plotting import style

from ._drawings import Source, preprocess
from ._recording import Recording, record

__all__ = ["SIZE", "Classification", "classify", "describe", "draw"]

SIZE = (4.55, 4.75)  # inches; at one pixel per point a phone shows all of it


@dataclass(frozen=True, eq=False)
class Classification:
    """What class a network takes a drawing for.

    Attributes:
        ink: the canvas, True where there is ink, bool ``[112, 112]``.
        recording: the run of the image that the ink became; ``recording.prediction`` is the class.
        drawn: what the drawing was meant to be, in words; empty if that is not known.
    """

    ink: np.ndarray
    recording: Recording
    drawn: str = ""

    @property
    def counts(self) -> np.ndarray:
        """Spikes of each output neuron, ``[C]``."""
        return self.recording.spikes.sum(0, dtype=np.int64)

    @property
    def sentence(self) -> str:
        """The class in words; "No decision" for silence and for a tie."""
        recording, counts = self.recording, self.counts
        empty = "" if self.ink.any() else "Nothing is drawn. "
        if not counts.any():
            return f"{empty}No decision: no output neuron fires."
        if recording.prediction < 0:
            tied = [recording.labels[c] for c in np.flatnonzero(counts == counts.max())]
            level = f"{', '.join(tied[:-1])} and {tied[-1]} are level at {counts.max()} spikes"
            return f"{empty}No decision: {level}."
        first, *rest = recording.ranking
        rival = f", next {recording.labels[rest[0]]} with {counts[rest[0]]}" if rest else ""
        if counts.sum() == counts[first]:
            rival = "; no other fires"
        return f"{empty}Answer: {recording.labels[first]}, with {_spikes(counts[first])}{rival}."


def classify(
    net: nn.Module, num_steps: int, source: Source, ink: np.ndarray, drawn: str = ""
) -> Classification:
    """Give a network a drawing, prepared like the images that it was trained on.

    Args:
        net, num_steps: see :func:`course_kit.explorers._recording.record`.
        source: see :func:`course_kit.explorers._drawings.preprocess`.
        ink: bool ``[H, W]``.
        drawn: what it is meant to be, in words.

    Raises:
        TypeError, ValueError: as these two.
    """
    return Classification(ink, record(net, preprocess(ink, source), num_steps), drawn)


def describe(result: Classification) -> str:
    """Say in words and numbers what the picture shows."""
    recording, counts = result.recording, result.counts
    drawn = f"Drawn: {result.drawn}. " if result.drawn else ""
    pairs = zip(recording.labels, counts, strict=True)
    listed = ", ".join(f"{name}: {count}" for name, count in pairs)
    decided = f" Decided at step {recording.decision}." if recording.prediction >= 0 else ""
    ink = f"Ink on {result.ink.mean():.0%} of the canvas. "
    total = f"Spikes of the output neurons in {recording.num_steps} steps: {listed}."
    return f"{drawn}{ink}{result.sentence}{decided} {total}"


def draw(fig: Figure, result: Classification) -> None:
    """Draw a classification on an empty figure of :data:`SIZE`."""
    width, height = SIZE

    def place(left: float, top: float, wide: float, high: float) -> Axes:
        """Axes at a place in inches, counted from the upper left corner."""
        box = (left / width, 1 - (top + high) / height, wide / width, high / height)
        return fig.add_axes(box, facecolor="white")

    fig.set_facecolor("white")
    fig.text(
        0.12 / width, 1 - 0.1 / height, _wrapped(result.sentence), va="top", gid="sentence",
        color=style.INK, fontsize=style.TICK_SIZE, fontweight="bold",
    )  # fmt: skip
    pictures = (
        ("The drawing", result.ink, "gray_r", "drawing"),
        ("What the network sees", result.recording.image.reshape(28, 28), "gray", "seen"),
    )
    for i, (title, values, cmap, gid) in enumerate(pictures):
        ax = place(0.62 + 1.85 * i, 0.78, 1.32, 1.32)
        ax.imshow(values, cmap=cmap, vmin=0, vmax=1, interpolation="none", gid=gid)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=style.NOTE_SIZE, color=style.INK, pad=4)
        for spine in ax.spines.values():
            spine.set_color(style.MUTED)
    _output(place(0.62, 2.36, 1.95, 1.85), place(2.77, 2.36, 1.55, 1.85), result.recording)


def _output(left: Axes, right: Axes, recording: Recording) -> None:
    """Raster and counts of the output, one row per neuron in both."""
    neurons = len(recording.labels)
    marks = splt.raster(recording.spikes, left)
    marks.set_gid("raster")
    left.hlines(
        range(neurons), -0.5, recording.num_steps - 0.5, colors=style.PALE, linewidths=0.6,
        zorder=0.5,
    )  # fmt: skip
    for text in list(left.texts):  # "no spikes": the sentence says so
        text.remove()
    splt.spike_count(recording.spikes, ax=right, labels=recording.labels)
    for ax in (left, right):
        ax.set(ylim=(-0.6, neurons - 0.4), facecolor="white")
        ax.tick_params(colors=style.INK)
        for spine in ax.spines.values():
            spine.set_color(style.INK)
        ax.xaxis.label.set_color(style.INK)
    left.set_yticks(range(neurons), recording.labels)
    left.set_ylabel("Output neuron", fontsize=style.LABEL_SIZE, color=style.INK)
    right.set_yticks([])
    right.set(ylabel="", xlim=(0, 1.3 * recording.num_steps))
    right.set_xticks([0, recording.num_steps // 2, recording.num_steps])
    right.set_xlabel("Spikes", fontsize=style.LABEL_SIZE, color=style.INK)


def _spikes(count: int) -> str:
    return f"{count} spike{'s' if count != 1 else ''}"


def _wrapped(text: str, columns: int = 48) -> str:
    """Two lines always, so that every state has the same artists."""
    if len(text) <= columns:
        return f"{text}\n"
    cut = text.rfind(" ", 0, columns)
    return f"{text[:cut]}\n{text[cut + 1 :]}"
