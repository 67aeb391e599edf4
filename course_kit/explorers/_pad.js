// A square of paper: mouse, finger, pen or keys draw; `pixels` holds the ink, row by row, 0 or 1.
function render({ model, el }) {
  const side = model.get("side"), step = side / 28, shown = 2.5 * side;
  const hint = "hint-" + Math.random().toString(36).slice(2);
  el.innerHTML = `<div class="draw-digit" data-lm-suppress-shortcuts="true"
    style="position:relative;max-width:${shown}px;color:inherit">
  <p id="${hint}" style="margin:0 0 .4em">Draw a digit here with mouse or finger.
  With keys: the arrows move the pen, Space puts it down or lifts it, Delete clears.</p>
  <div style="position:relative;line-height:0">
  <canvas width="${side}" height="${side}" tabindex="0" role="application"
    aria-label="Canvas to draw a digit on" aria-describedby="${hint}"
    style="width:100%;background:#fff;border:2px solid #5f5f5f;box-sizing:border-box;
    touch-action:none;cursor:crosshair"></canvas>
  <span aria-hidden="true" style="position:absolute;width:14px;height:14px;margin:-7px;
    border:2px solid #D55E00;border-radius:50%;box-sizing:border-box;pointer-events:none"
    hidden></span></div>
  <p style="display:flex;gap:.8em;align-items:center;margin:.4em 0">
  <button type="button" style="font:inherit;min-height:2.2em;padding:0 1em">Clear</button>
  <output></output></p>
  <p role="status" style="position:absolute;width:1px;height:1px;margin:0;overflow:hidden;
    clip-path:inset(50%)"></p></div>`;  // for a screen reader: the picture below says it to others
  const root = el.firstElementChild, canvas = root.querySelector("canvas");
  const [marker, pen, said] = ["span", "output", "[role=status]"].map(s => root.querySelector(s));
  const ctx = canvas.getContext("2d", { willReadFrequently: true });
  const clamp = v => Math.max(0, Math.min(side, v));
  let at = [side / 2, side / 2], down = false, later = null;

  const show = () => {  // the ink of the model, which may be that of an earlier view
    const ink = model.get("pixels"), picture = ctx.createImageData(side, side);
    for (let i = 0; i < ink.length; i++) if (ink[i] === "1") picture.data[4 * i + 3] = 255;
    ctx.putImageData(picture, 0, 0); };
  const send = () => {
    later = null;
    const { data } = ctx.getImageData(0, 0, side, side);
    let ink = "";
    for (let i = 3; i < data.length; i += 4) ink += data[i] > 127 ? "1" : "0";
    model.set("pixels", ink); model.save_changes(); };
  const soon = wait => { clearTimeout(later); later = setTimeout(send, wait); };
  const line = (from, to) => {
    Object.assign(ctx, { lineWidth: model.get("pen"), lineCap: "round", strokeStyle: "#000" });
    ctx.beginPath(); ctx.moveTo(...from); ctx.lineTo(to[0] + 0.01, to[1]); ctx.stroke(); };
  const move = to => { if (down) line(at, to); at = to; };
  const clear = () => { ctx.clearRect(0, 0, side, side); down = false; soon(0); };
  const tell = keys => {
    marker.hidden = !keys;
    Object.assign(marker.style, { left: 100 * at[0] / side + "%", top: 100 * at[1] / side + "%",
      background: down ? "#D55E00" : "transparent" });
    pen.value = keys ? (down ? "Pen down" : "Pen up") : ""; };
  const place = e => {
    const box = canvas.getBoundingClientRect();
    return [(e.clientX - box.left) / box.width * side, (e.clientY - box.top) / box.height * side]; };

  canvas.addEventListener("pointerdown", e => {
    canvas.setPointerCapture(e.pointerId); at = place(e); down = true; move(at); tell(false); });
  canvas.addEventListener("pointermove", e => {
    if (down && canvas.hasPointerCapture(e.pointerId)) { move(place(e)); soon(300); } });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => { down = false; soon(0); });
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const keys = e => {  // on the window, before JupyterLab takes the arrows for itself
    if (!el.isConnected) return window.removeEventListener("keydown", keys, true);
    if (e.target !== canvas || e.ctrlKey || e.metaKey || e.altKey) return;
    if (ways[e.key]) move(at.map((v, i) => clamp(v + step * ways[e.key][i])));
    else if (e.key === " ") { down = !down; if (down) line(at, at); }
    else if (e.key === "Delete" || e.key === "Backspace") clear();
    else return;
    e.preventDefault(); e.stopPropagation(); tell(true); soon(250); };
  window.addEventListener("keydown", keys, true);
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) tell(true); });
  canvas.addEventListener("blur", () => { down = false; tell(false); });
  root.querySelector("button").addEventListener("click", () => { clear(); tell(false); });
  const speak = () => { said.textContent = model.get("answer"); };
  const redraw = () => { if (later === null && !down) show(); };
  model.on("change:answer", speak); model.on("change:pixels", redraw);
  show(); speak();
  return () => { model.off("change:answer", speak); model.off("change:pixels", redraw);
    clearTimeout(later); window.removeEventListener("keydown", keys, true); };
}
export default { render };
