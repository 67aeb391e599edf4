"""Animations of spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from .. import _checks
from . import inputs, style


def animate(
    figure: Figure, show: Callable[[int], Iterable[Artist]], frames: int, interval: float
) -> FuncAnimation:
    """Return an animation that calls ``show(0)`` ... ``show(frames - 1)`` and then stops."""
    show(0)
    if figure.get_layout_engine() is not None:  # once: a layout per frame is slow and jumps
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return FuncAnimation(
        figure, show, frames=frames, interval=interval, repeat=False, cache_frame_data=False
    )


def animator(
    data: Any,
    fig: Figure | SubFigure | None = None,
    ax: Axes | None = None,
    num_steps: int | None = None,
    interval: float = 40,
    cmap: str = style.CMAP,
) -> FuncAnimation:
    """Animate a sequence of images, one frame per time step, all on one color scale.

    Args:
        data: images of one sample, shape ``[T, H, W]``.
        fig, ax, interval: as for :func:`spike_count`.
        num_steps: show the first ``num_steps`` time steps only.
        cmap: name of a matplotlib color map.

    Returns:
        The animation. Show it with ``HTML(anim.to_jshtml())``, or save it with
        ``anim.save("x.gif")``.

    Raises:
        ValueError: for another shape, NaN, or an option out of range.
        TypeError: for anything that holds no numbers.
    """
    values = inputs.record("data", data, "[T, H, W]", "pick one sample and channel, data[:, 0, 0]")
    count = inputs.steps(num_steps, values.shape)
    _checks.positive("interval", interval)
    cmap = inputs.color_map("cmap", cmap)
    ax = inputs.canvas(fig, ax, 3.4, 3.6, shown=False)

    low, high = values.min(), values.max()
    high = high if high > low else low + 1
    image = ax.imshow(values[0], cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    clock = ax.text(
        0, 1.02, "", va="bottom", transform=ax.transAxes, color=style.INK,
        fontsize=style.TICK_SIZE, gid="clock",
    )  # fmt: skip

    def show(frame: int) -> list[Artist]:
        image.set_data(values[frame])
        clock.set_text(f"{style.TIME} {frame} (last: {count - 1})")
        return [image, clock]

    return animate(style.root_figure(ax), show, frames=count, interval=interval)
