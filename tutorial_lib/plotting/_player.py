"""The page part that plays frames: one picture, three buttons, a slider. No external file, no font.

matplotlib's own ``to_jshtml`` loads its button icons from a content network; without one its
buttons are blank.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64encode

from . import _scrolling

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


def page(
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
