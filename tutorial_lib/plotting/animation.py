"""Animations that need neither ffmpeg nor a network, and a small player for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.animation import AbstractMovieWriter, Animation, FuncAnimation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure, SubFigure

from .. import _checks
from . import _inputs, _player, style
from .alt import describe

if TYPE_CHECKING:
    from IPython.display import HTML


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
        fig: figure that holds ``ax``; its only axes are used if ``ax`` is None.
        ax: axes to draw on; a new figure if both are None.
        num_steps: show the first ``num_steps`` time steps only.
        interval: milliseconds between two frames.
        cmap: name of a matplotlib color map.

    Returns:
        The animation. Show it with :func:`to_html`, or save it with ``anim.save("x.gif")``.

    Raises:
        ValueError: for another shape, NaN, or an option out of range.
        TypeError: for anything that holds no numbers.
    """
    values = _inputs.record("data", data, "[T, H, W]", "pick one sample and channel, data[:, 0, 0]")
    count = _inputs.steps(num_steps, values.shape)
    _checks.positive("interval", interval)
    cmap = _inputs.color_map("cmap", cmap)
    ax = _inputs.canvas(fig, ax, 3.4, 3.6, shown=False)

    low, high = values.min(), values.max()
    high = high if high > low else low + 1
    image = ax.imshow(values[0], cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    clock = ax.text(
        0, 1.02, "", va="bottom", transform=ax.transAxes, color=style.INK,
        fontsize=style.TICK_SIZE, gid="clock",
    )  # fmt: skip

    def show(frame: int) -> list[Artist]:
        image.set_data(values[frame])
        clock.set_text(f"{style.TIME} {frame} (last: {count - 1})")
        return [image, clock]

    return animate(style.root_figure(ax), show, frames=count, interval=interval)


def to_html(
    anim: Animation,
    *,
    dpi: float = 100,
    interval: float | None = None,
    default_mode: Literal["once", "loop"] = "once",
    alt: str | None = None,
    close: bool = True,
) -> HTML:
    """Return a player for ``anim`` that loads nothing from the network: frames, buttons, script.

    It shows the last frame until the reader presses Play, so the result is there without
    JavaScript too. Each frame is a PNG with at most 64 colors.

    Args:
        anim: any matplotlib animation.
        dpi: pixels per inch of the frames; lower is smaller.
        interval: milliseconds between two frames; the animation's own if None.
        default_mode: what happens after the last frame: "once" stops, "loop" starts again.
        alt: a sentence that says what the animation is to show. For readers who do not see it, it
            leads; what :func:`describe` computes from the last frame follows.
        close: take the figure from pyplot, so that a notebook does not show it a second time.

    Returns:
        An ``IPython.display.HTML``; its text is in ``.data``.

    Raises:
        TypeError: if ``anim`` is no animation.
        ValueError: for an option out of range.
    """
    if not isinstance(anim, Animation):
        raise TypeError(
            f"anim must be a matplotlib animation, got {type(anim).__name__}. "
            "spike_count(..., animate=True) and animator(...) return one."
        )
    _checks.positive("dpi", dpi)
    _checks.choice("default_mode", default_mode, ("once", "loop"))
    _checks.flag("close", close)
    if alt is not None and not isinstance(alt, str):
        raise TypeError(f"alt must be a sentence or None, got {alt!r}.")
    if interval is None:
        interval = getattr(anim, "_interval", 40)
    interval = _checks.positive("interval", interval)
    from IPython.display import HTML

    frames = _Frames()
    anim.save("frames", writer=frames, dpi=dpi)
    facts = describe(frames.fig)
    if close:
        import matplotlib.pyplot as plt

        plt.close(frames.fig)
    count = len(frames.pictures)
    text = f"{alt or ''} Animation of {count} frames; the last one: {facts}".strip()
    loop = default_mode == "loop"
    return HTML(_player.page(frames.pictures, frames.frame_size, interval, loop=loop, alt=text))


class _Frames(AbstractMovieWriter):
    """Keeps the frames as small PNG pictures in memory; writes no file.

    It draws with the Agg renderer itself: ``savefig`` would draw every frame twice.
    """

    def setup(self, fig: Figure, outfile: Any, dpi: float | None = None) -> None:
        super().setup(fig, outfile, dpi)
        self.pictures: list[bytes] = []
        self._dpi_before = fig.dpi
        fig.dpi = self.dpi

    def grab_frame(self, **savefig_kwargs: Any) -> None:
        from PIL import Image

        renderer = RendererAgg(*self.frame_size, self.dpi)
        self.fig.draw(renderer)
        picture = Image.fromarray(np.asarray(renderer.buffer_rgba()))
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
        png = BytesIO()
        flat.quantize(64, dither=Image.Dither.NONE).save(png, "png")
        self.pictures.append(png.getvalue())

    def finish(self) -> None:
        self.fig.dpi = self._dpi_before
