"""A player for animations: one picture, three buttons, a slider. No external file, no font.

It needs neither ffmpeg nor a network. matplotlib's own ``to_jshtml`` loads its button icons from a
content network; without one its buttons are blank.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from io import BytesIO
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.animation import AbstractMovieWriter, Animation
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure

from . import _scrolling
from .alt import describe

if TYPE_CHECKING:
    from IPython.display import HTML


_PAGE = """\
<figure id="{uid}" data-lm-suppress-shortcuts="true" style="margin:0;max-width:max({width}px,24em)">
{image}
<div hidden data-bar style="gap:.5em;align-items:center;flex-wrap:wrap">
<button type="button" aria-label="Play" style="min-width:4.5em">Play</button>
<button type="button" aria-label="Previous frame">Back</button>
<button type="button" aria-label="Next frame">Next</button>
<input type="range" min="0" max="{end}" value="{end}" step="1" aria-label="Frame"
  style="flex:1 1 8em;min-width:4em">
<output style="min-width:5.5em;text-align:right;font-variant-numeric:tabular-nums"></output>
</div></figure>
<script>(() => {{
const root = document.getElementById("{uid}"), frames = {frames}, loop = {loop};
if (!root) return;
const [play, back, next] = root.querySelectorAll("button"), end = frames.length - 1;
const img = root.querySelector("img"), slider = root.querySelector("input");
const out = root.querySelector("output"), bar = root.querySelector("[data-bar]");
let timer = null;
const show = k => {{
  k = Math.max(0, Math.min(end, k)); slider.value = k; img.src = frames[k];
  out.value = (k + 1) + " / " + (end + 1);
  slider.setAttribute("aria-valuetext", "frame " + (k + 1) + " of " + (end + 1)); }};
const label = word => {{ play.textContent = word; play.setAttribute("aria-label", word); }};
const stop = () => {{ clearInterval(timer); timer = null; label("Play"); }};
const tick = () => {{
  if (!root.isConnected) return stop();
  if (+slider.value < end) show(+slider.value + 1);
  else if (loop) show(0);
  if (+slider.value >= end && !loop) stop(); }};
const start = () => {{
  if (+slider.value >= end) show(0);
  label("Pause"); timer = setInterval(tick, {interval}); }};
play.addEventListener("click", () => timer === null ? start() : stop());
back.addEventListener("click", () => {{ stop(); show(+slider.value - 1); }});
next.addEventListener("click", () => {{ stop(); show(+slider.value + 1); }});
slider.addEventListener("input", () => {{ stop(); show(+slider.value); }});
// JupyterLab takes arrow keys before the slider sees them; this listener comes first.
const keys = event => {{
  if (!root.isConnected) return window.removeEventListener("keydown", keys, true);
  const way = {{ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1}}[event.key];
  if (document.activeElement !== slider || !way) return;
  stop(); show(+slider.value + way); event.preventDefault(); event.stopPropagation(); }};
window.addEventListener("keydown", keys, true);
bar.hidden = false; bar.style.display = "flex"; show(end);
}})();</script>
"""


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
    if alt is not None and not isinstance(alt, str):
        raise TypeError(f"alt must be a sentence or None, got {alt!r}.")
    if default_mode not in ("once", "loop"):
        raise ValueError(f"default_mode must be 'once' or 'loop', got {default_mode!r}.")
    if not isinstance(close, bool):
        raise TypeError(f"close must be True or False, got {close!r}.")
    interval = getattr(anim, "_interval", 40) if interval is None else interval
    for name, value in (("dpi", dpi), ("interval", interval)):
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r}.")
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be a finite number above 0, got {value!r}.")
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
    return HTML(_page(frames.pictures, frames.frame_size, interval, loop=loop, alt=text))


def _page(
    pictures: list[bytes], size: tuple[int, int], interval: float, *, loop: bool, alt: str
) -> str:
    """Return the HTML text that plays these PNG pictures.

    Args:
        pictures: the frames in order, each a PNG file.
        size: width and height of a frame in pixels.
        interval: milliseconds between two frames.
        loop: start again after the last frame.
        alt: description of the animation.

    Raises:
        ValueError: if there is no frame.
    """
    if not pictures:
        raise ValueError("The animation has no frames: give FuncAnimation its frames argument.")
    sources = ["data:image/png;base64," + b64encode(picture).decode() for picture in pictures]
    return _PAGE.format(
        uid="player" + uuid.uuid4().hex,
        image=_scrolling.image(alt, sources[-1], *size),
        width=size[0],
        end=len(sources) - 1,
        frames=json.dumps(sources),
        loop=json.dumps(loop),
        interval=round(interval),
    )


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
