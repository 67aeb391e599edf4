"""Spike counts of the output neurons, at the end or as they grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from .. import _checks
from . import inputs, style
from .animation import animate as run


def spike_count(
    data: Any,
    fig: Figure | SubFigure | None = None,
    ax: Axes | None = None,
    labels: Sequence[Any] | None = None,
    num_steps: int | None = None,
    animate: bool = False,
    interpolate: int = 1,
    gridshader: bool = False,
    interval: float = 60,
    time_step: float | None = None,
) -> Axes | FuncAnimation:
    """Draw how often each output neuron fired for one sample: one horizontal bar per class.

    The axis ends at the number of time steps, the most a neuron can fire. The bars of the leading
    class or classes are darker and their counts bold.

    Args:
        data: spikes of one sample, 0 or 1, shape ``[T, C]``.
        fig: figure that holds ``ax``; its only axes are used if ``ax`` is None.
        ax: axes to draw on; a new figure if both are None.
        labels: C class names; the class numbers if None.
        num_steps: count the first ``num_steps`` time steps only.
        animate: let the bars grow, one frame per time step; the last frame shows the total. Show
            it with ``HTML(anim.to_jshtml())``, or save it with ``anim.save("x.gif")``.
        interpolate: frames per time step; more let the time line move more smoothly.
        gridshader: shade every second stretch between two ticks (snnTorch does by default).
        interval: milliseconds between two frames.
        time_step: length of a time step in seconds: times are then given in seconds.

    Returns:
        The axes; with ``animate`` a ``FuncAnimation`` that needs no ffmpeg.

    Raises:
        ValueError: for another shape, a wrong number of labels, NaN, values other than 0 and 1, or
            an option out of range.
        TypeError: for anything that holds no numbers.
    """
    values = inputs.record("data", data, "[T, C]", "pick one sample, spk_rec[:, 0]")
    inputs.binary("data", values)
    names = inputs.names("labels", labels, values.shape, "")
    count = inputs.steps(num_steps, values.shape)
    _checks.flag("animate", animate)
    _checks.flag("gridshader", gridshader)
    _checks.at_least_one("interpolate", interpolate)
    _checks.positive("interval", interval)
    seconds = None if time_step is None or time_step is False else time_step
    if seconds is not None:
        seconds = _checks.positive("time_step", seconds)
    height = float(np.clip(1.2 + 0.27 * len(names), 2.2, 8))
    ax = inputs.canvas(fig, ax, 6.4, height, shown=not animate)

    inputs.hint_time_first("data", values.shape)
    bars = _Bars(ax, values[:count].cumsum(axis=0), names, seconds, moving=animate)
    if gridshader:
        edges = ax.get_xticks()
        for left, right in zip(edges[:-1:2], edges[1::2], strict=False):
            ax.axvspan(left, right, color=style.PALE, zorder=0, linewidth=0, gid="decoration")
        ax.set_xlim(0, count * 1.06)
    if not animate:
        bars.show(count)
        return ax
    return run(
        style.root_figure(ax),
        lambda frame: bars.show((frame + 1) / interpolate),
        frames=count * interpolate,
        interval=interval,
    )


class _Bars:
    """The artists of one chart. ``show`` moves them; nothing is drawn anew."""

    def __init__(
        self,
        ax: Axes,
        totals: np.ndarray,
        names: list[str],
        seconds: float | None,
        *,
        moving: bool,
    ) -> None:
        steps, classes = totals.shape
        self.totals, self.seconds = totals, seconds
        rows = np.arange(classes)
        self.bars = ax.barh(rows, np.zeros(classes), height=0.7)
        self.counts = [
            ax.annotate(
                "0", (0, row), xytext=(4, 0), textcoords="offset points", va="center",
                fontsize=style.TICK_SIZE, color=style.INK, annotation_clip=False, gid="count",
                path_effects=[style.RIM],
            )
            for row in rows
        ]  # fmt: skip
        self.line = self.clock = None
        if moving:
            self.line = ax.axvline(
                0, color=style.VERMILION, linestyle=(0, (4, 3)), linewidth=1.5, gid="elapsed"
            )
            self.clock = ax.text(
                1, 1.02, "", ha="right", va="bottom", transform=ax.transAxes, color=style.INK,
                fontsize=style.TICK_SIZE, gid="clock",
            )  # fmt: skip
        ax.set_yticks(rows, names)
        ax.set_ylim(-0.6, classes - 0.4)
        ax.set_xlim(0, steps * 1.06)
        style.whole_numbers(ax.xaxis)
        style.dress(ax, "Spike count" if moving else f"Spike count in {self._time(steps)}", "Class")

    def show(self, elapsed: float) -> list[Artist]:
        """Set every bar to its count after ``elapsed`` time steps, 0 below the first."""
        whole = int(elapsed + 1e-9)
        now = self.totals[whole - 1] if whole else np.zeros_like(self.totals[0])
        for bar, text, value in zip(self.bars, self.counts, now, strict=True):
            leads = value > 0 and value == now.max()
            bar.set_width(value)
            bar.set_facecolor(style.BLUE if leads else style.SKY)
            text.set_text(f"{value:.0f}")
            text.set_fontweight("bold" if leads else "normal")
            text.xy = (value, text.xy[1])
        if self.line is None or self.clock is None:
            return [*self.bars, *self.counts]
        self.line.set_xdata([elapsed, elapsed])
        passed = whole if self.seconds is None else f"{elapsed * self.seconds:.4g}"
        self.clock.set_text(f"After {passed} of {self._time(len(self.totals))} (dashed line)")
        return [*self.bars, *self.counts, self.line, self.clock]

    def _time(self, steps: int) -> str:
        if self.seconds is not None:
            return f"{steps * self.seconds:.4g} s"
        return f"{steps} time step{'s' if steps != 1 else ''}"
