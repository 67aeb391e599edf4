"""An explorer as one piece of a page: no kernel, no library, nothing loaded from anywhere.

The first frame is plain SVG, so that a print, a PDF or a page without scripts shows it. The other
frames are the same drawing with some parts exchanged; the script below exchanges them when a
native slider, list or Play button moves. It is all the JavaScript that the explorers have.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from html import escape

from . import _svg
from ._core import SPEEDS, Control, Scene

__all__ = ["page"]

PIXELS = (1.0, 1.5)  # of the page for one point of the drawing: at least, so that 9-point text can
# be read on a phone (wider figures scroll there), and at most, on a wide page
PHONE = 328  # pixels of width that a phone of 360 leaves to a figure

_STYLE = """\
.explorer.explorer{margin:0;padding:0;color:inherit}
.explorer [hidden],.explorer:not([data-on]) .explorer-controls{display:none}
.explorer-view{overflow-x:auto;max-width:100%}
.explorer svg{display:block;width:100%;height:auto;background:#fff}
.explorer-controls{display:grid;gap:.2em;padding:.4em 0;max-width:38em}
.explorer-controls label,.explorer-play{display:flex;flex-wrap:wrap;align-items:center;\
gap:0 .8em;min-height:2.4em;margin:0}
.explorer-controls label>span:first-child{flex:0 0 12em}
@media (max-width:30em){.explorer-controls label>span:first-child{flex-basis:100%}}
.explorer-controls input{flex:1;min-width:9em;min-height:2em;margin:0}
.explorer-controls select,.explorer-controls button{font:inherit;min-height:2.2em;padding:0 .6em}
.explorer-controls button{min-width:5.5em}
.explorer-controls input+span{min-width:4.5em;font-variant-numeric:tabular-nums}
.explorer-said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.explorer[data-on] figcaption{display:none}
@media print{.explorer .explorer-controls{display:none}.explorer[data-on] figcaption{display:block}}
"""

_SCRIPT = """\
(() => {
const wake = async root => {
  root.dataset.woken = "";
  const bytes = Uint8Array.from(atob(root.dataset.table), c => c.charCodeAt());
  const flow = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const {parts, states, texts} = await new Response(flow).json();
  const svg = root.querySelector("svg"), slots = svg.querySelectorAll("[data-part]");
  const controls = [...root.querySelectorAll("[data-words]")];
  const words = controls.map(c => JSON.parse(c.dataset.words));
  const said = root.querySelector("[role=status]"), shown = root.querySelector("figcaption");
  const slider = root.querySelector("[data-play]"), [play, speed] = slider ?
    root.querySelectorAll("button, select[data-speed]") : [];
  let timer = null, later = null;
  const view = svg.parentElement;  // where it scrolls, the keyboard must get there
  new ResizeObserver(() => { if (view.scrollWidth > view.clientWidth) Object.assign(view,
    {tabIndex: 0, role: "region", ariaLabel: "Figure, scrolls sideways"}); }).observe(view);
  const show = () => {
    const state = controls.reduce((k, c, i) => k * words[i].length + +c.value, 0);
    slots.forEach((slot, i) => {
      const text = parts[i][states[state][i]];
      if (slot.part !== text) slot.innerHTML = slot.part = text; });
    controls.forEach((c, i) => { if (c.type !== "range") return;
      c.nextElementSibling.textContent = words[i][c.value];
      c.setAttribute("aria-valuetext", words[i][c.value]); });
    svg.setAttribute("aria-label", texts[state]);
    shown.textContent = "Shown: " + controls.map((c, i) =>
      c.closest("label").firstElementChild.textContent + " " + words[i][c.value]).join(", ");
    clearTimeout(later);  // said once the reader pauses, not at each value that is passed
    later = setTimeout(() => { if (timer === null) said.textContent = texts[state]; }, 500); };
  const stop = () => { clearInterval(timer); timer = null; if (play) play.textContent = "Play"; };
  const tick = () => {
    if (!root.isConnected) return stop();
    slider.value = +slider.value + 1;
    if (+slider.value >= +slider.max) stop();
    show(); };
  const start = () => {
    if (+slider.value >= +slider.max) { slider.value = 0; show(); }
    play.textContent = "Pause"; timer = setInterval(tick, +speed.value); };
  controls.forEach(c => c.addEventListener("input", () => { if (c === slider) stop(); show(); }));
  if (slider) {
    play.addEventListener("click", () => {
      if (timer === null) start(); else { stop(); show(); } });
    speed.addEventListener("input", () => { if (timer !== null) { stop(); start(); } }); }
  // JupyterLab takes keys for itself before the controls see them; this listener comes first.
  const keys = event => {
    if (!root.isConnected) return window.removeEventListener("keydown", keys, true);
    const own = event.target.closest && event.target.closest(".explorer") === root;
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab");
    if (own && plain) event.stopPropagation(); };
  window.addEventListener("keydown", keys, true);
  root.dataset.on = ""; };
document.querySelectorAll(".explorer:not([data-woken])").forEach(wake);
})();
"""


def page(scene: Scene) -> str:
    """Return the HTML text that shows the explorer and moves it; every state is drawn here.

    The same explorer gives the same text. Several may stand on one page.
    """
    positions = list(scene.grid(page=True))
    results = [scene.compute(**position) for position in positions]
    table = _svg.tabulate([_svg.draw(scene, result) for result in results])
    texts = [scene.describe(result) for result in results]
    first = positions.index(scene.start())
    packed = json.dumps(
        {"parts": table.parts, "states": table.states, "texts": texts},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    data = b64encode(gzip.compress(packed.encode(), 9, mtime=0)).decode()
    least, most = (round(72 * scene.size[0] * scale) for scale in PIXELS)
    svg = table.assemble(first).replace(
        "<svg ",
        f'<svg role="img" aria-label="{escape(texts[first])}" width="{most}" '
        f'height="{round(most * scene.size[1] / scene.size[0])}" ',
        1,
    )
    svg = svg.replace('style="', f'style="min-width:{least}px;max-width:{most}px;', 1)
    scrolls = ' tabindex="0" role="region" aria-label="Figure, scrolls sideways"'
    controls = "".join(_control(scene, control) for control in scene.controls)
    shown = ", ".join(f"{c.label} {c.words(c.start)}" for c in scene.controls)
    return (
        f'<figure class="explorer" role="group" aria-label="{escape(scene.title)}" '
        f'data-lm-suppress-shortcuts="true" data-table="{data}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<div class="explorer-view"{scrolls if least > PHONE else ""}>{svg}</div>\n'
        f'<div class="explorer-controls">{controls}{_play(scene)}</div>\n'
        f"<figcaption>Shown: {escape(shown)}</figcaption>\n"
        f'<div class="explorer-said" role="status"></div>\n'
        f"</figure>\n<script>{_SCRIPT}</script>"
    )


def _control(scene: Scene, control: Control) -> str:
    """A native slider or list, inside its label."""
    words = [control.words(value) for value in control.page_options]
    start = control.page_options.index(control.start)
    data = f'data-words="{escape(json.dumps(words, ensure_ascii=False))}"'
    if control.kind == "choice":
        options = "".join(
            f'<option value="{i}"{" selected" if i == start else ""}>{escape(word)}</option>'
            for i, word in enumerate(words)
        )
        field = f'<select {data} autocomplete="off">{options}</select>'
    else:
        plays = " data-play" if control.name == scene.play else ""
        field = (
            f'<input type="range" min="0" max="{len(words) - 1}" step="1" value="{start}" '
            f'aria-valuetext="{escape(words[start])}" autocomplete="off" {data}{plays}>'
            f'<span aria-hidden="true">{escape(words[start])}</span>'
        )
    return f"<label><span>{escape(control.label)}</span>{field}</label>\n"


def _play(scene: Scene) -> str:
    if scene.play is None:
        return ""
    options = "".join(
        f'<option value="{pause}"{" selected" if name == "normal" else ""}>{name}</option>'
        for name, pause in SPEEDS.items()
    )
    return (
        f'<div class="explorer-play"><button type="button">Play</button>'
        f'<label>Speed <select data-speed autocomplete="off">{options}</select></label></div>\n'
    )
