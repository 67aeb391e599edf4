"""Event player: a stream of events, cut into frames by time or by count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from tutorial_lib import events as library
from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._values import one_of

__all__ = ["FRAMES", "EventView", "event_player"]

FRAMES = 21  # as many for both ways to cut
POLARITIES = ("both", "on", "off")
CUTS = ("by time", "by count")
COLORS = "RdBu"  # off in red, on in blue, as in print


@dataclass(frozen=True, eq=False)
class EventView:
    """What the event player shows.

    Attributes:
        frame: number of the frame, from 0.
        polarity: "both", "on" or "off".
        cut: "by time" or "by count".
        picture: of the chosen polarities, on minus off events of each pixel, ``[H, W]``.
        events: on and off events in this frame.
        start, stop: its first and last moment in milliseconds.
        edges: limits of the bins of ``rate`` in milliseconds, ``[N + 1]``.
        rate: events of the chosen polarities per millisecond, in the whole stream, ``[N]``.
        highest: the most events of a pixel and polarity in any frame of either cut.
        fastest: the highest rate of both polarities together.
    """

    frame: int
    polarity: str
    cut: str
    picture: np.ndarray
    events: tuple[int, int]
    start: float
    stop: float
    edges: np.ndarray
    rate: np.ndarray
    highest: int
    fastest: float


@dataclass(frozen=True, eq=False)
class _Film:
    """A stream cut in both ways: frames ``[T, 2, H, W]`` and their limits ``[T + 1]`` in ms."""

    frames: dict[str, np.ndarray]
    limits: dict[str, np.ndarray]
    edges: np.ndarray
    rates: dict[str, np.ndarray]


def event_player(
    events: np.ndarray, sensor_size: tuple[int, int, int] = library.SENSOR_SIZE
) -> Explorer:
    """Play a stream of events, frame by frame.

    Frames have the same duration or the same number of events; 21 of either kind. Below the
    picture stands the rate of events, with the slice of time that the picture shows.

    Args:
        events: a stream of at least 21 events, as :func:`tutorial_lib.events.checked` takes it:
            a structured array ``[N]`` with the fields x, y, t (microseconds) and p.
        sensor_size: width, height and the number of polarities, which is 2.

    Returns:
        The explorer; its frames can be played.

    Raises:
        TypeError, ValueError: for another stream or sensor; ValueError for one of fewer events or
            all of one moment.
    """
    film = _cut(events, sensor_size)
    return Explorer(
        name="event player",
        title="Event player",
        controls=(
            Control(name="frame", label="Frame", options=tuple(range(FRAMES)), start=3),
            Control(name="polarity", label="Polarity", options=POLARITIES, start="both"),
            Control(name="cut", label="Frames of equal time or count", options=CUTS,
                    start="by time"),
        ),
        compute=partial(_compute, film),
        draw=draw,
        describe=describe,
        size=(4.5, 5.4),
        play="frame",
    )  # fmt: skip


def _cut(stream: np.ndarray, sensor_size: tuple[int, int, int]) -> _Film:
    times = library.checked(stream, sensor_size)["t"]
    if sensor_size[2] != 2:
        raise ValueError(f"sensor_size must have 2 polarities, off and on, got {sensor_size}.")
    if len(stream) < FRAMES or times[0] == times[-1]:
        raise ValueError(
            f"events must be at least {FRAMES}, and not all of one moment, got {len(stream)}."
        )
    first, last = int(times[0]), int(times[-1])
    even = np.linspace(first, last + 1, FRAMES + 1)
    bounds = {
        "by time": np.searchsorted(times, even),
        "by count": np.linspace(0, len(times), FRAMES + 1).astype(int),
    }
    moments = np.append(times, last + 1)
    limits = {"by time": even / 1000, "by count": moments[bounds["by count"]] / 1000}
    width, height, _ = sensor_size
    frames = {cut: np.zeros((FRAMES, 2, height, width), int) for cut in CUTS}
    for cut, counts in frames.items():
        step = np.repeat(np.arange(FRAMES), np.diff(bounds[cut]))
        np.add.at(counts, (step, stream["p"].astype(int), stream["y"], stream["x"]), 1)
    edges = np.linspace(first, last + 1, 64)
    chosen = {"both": slice(None), "on": stream["p"] == 1, "off": stream["p"] == 0}
    bins = np.diff(edges / 1000)
    rates = {name: np.histogram(times[part], edges)[0] / bins for name, part in chosen.items()}
    return _Film(frames, limits, edges / 1000, rates)


def _compute(film: _Film, frame: int, polarity: str, cut: str) -> EventView:
    frame = one_of("frame", frame, range(FRAMES))
    polarity = one_of("polarity", polarity, POLARITIES)
    cut = one_of("cut", cut, CUTS)
    off, on = film.frames[cut][frame]
    return EventView(
        frame=frame,
        polarity=polarity,
        cut=cut,
        picture=on * (polarity != "off") - off * (polarity != "on"),
        events=(int(on.sum()), int(off.sum())),
        start=float(film.limits[cut][frame]),
        stop=float(film.limits[cut][frame + 1]),
        edges=film.edges,
        rate=film.rates[polarity],
        highest=int(max(frames.max() for frames in film.frames.values())),
        fastest=float(film.rates["both"].max()),
    )


def describe(view: EventView) -> str:
    """Say which slice of the stream is shown, what is in it, and where on the sensor."""
    on, off = view.events
    said = (
        f"Frame {view.frame} of 0 to {FRAMES - 1}, cut {view.cut}: {view.start:.1f} to "
        f"{view.stop:.1f} ms, {on} on and {off} off events."
    )
    rows, columns = np.nonzero(view.picture)
    shown = {"both": "both polarities", "on": "on alone", "off": "off alone"}[view.polarity]
    if not len(rows):
        return f"{said} The picture shows {shown}: no pixel differs from 0."
    return (
        f"{said} The picture shows {shown}: {len(rows)} pixels, in columns {columns.min()} to "
        f"{columns.max()} and rows {rows.min()} to {rows.max()}. The rate of the whole stream "
        f"reaches {view.rate.max():.0f} events per ms."
    )


def draw(fig: Figure, view: EventView) -> None:
    """Draw the frame, and below it the rate of events with the slice of time."""
    fig.set_facecolor("white")
    ax = fig.add_axes((0.12, 0.36, 0.66, 0.55), facecolor="white")
    picture = ax.imshow(
        view.picture, cmap=COLORS, vmin=-view.highest, vmax=view.highest, interpolation="none",
        gid="frame",
    )  # fmt: skip
    on, off = view.events
    fig.text(
        0.03, 0.985, f"{view.start:.1f} to {view.stop:.1f} ms: {on} on, {off} off", gid="said",
        va="top", color=style.INK, fontsize=style.TICK_SIZE, fontweight="bold",
    )  # fmt: skip
    style.dress(ax, "x (pixels)", "y (pixels)")
    bar = fig.colorbar(picture, cax=fig.add_axes((0.82, 0.36, 0.03, 0.55)))
    bar.set_label("On minus off events", fontsize=style.LABEL_SIZE, color=style.INK)
    bar.ax.tick_params(labelsize=style.TICK_SIZE, colors=style.INK)
    below = fig.add_axes((0.17, 0.1, 0.79, 0.15), facecolor="white")
    below.axvspan(
        view.start, view.stop, facecolor=style.PALE, edgecolor=style.INK, linewidth=0.7,
        zorder=0.5, gid="slice",
    )  # fmt: skip
    below.stairs(view.rate, view.edges, color=style.BLUE, gid="rate")
    below.set_xlim(view.edges[0], view.edges[-1])
    below.set_ylim(0, 1.05 * view.fastest)
    style.dress(below, "Time (ms)", "Events\nper ms")
