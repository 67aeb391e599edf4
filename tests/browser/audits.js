// Looked at by audits.py, in the page. Each function returns a list of problems.
const main = () => document.querySelector("main article") || document.querySelector("main") || document.body;
const say = e => e.outerHTML.replace(/\s+/g, " ").slice(0, 140);
const seen = e => e.checkVisibility({visibilityProperty: true});
const look = e => {
  const s = getComputedStyle(e);
  const outline = s.outlineStyle === "none" ? "" : `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor}`;
  return [outline, s.boxShadow, s.backgroundColor, s.borderColor, s.textDecoration].join("|");
};
const walk = {wanted: [], looks: new Map(), met: [], unseen: []};

window.audits = {
  headings() {
    const found = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
      .filter(h => main().contains(h) && seen(h));
    const problems = [];
    const tops = found.filter(h => h.tagName === "H1").length;
    if (tops !== 1) problems.push(`${tops} headings of level 1`);
    found.forEach((h, i) => {
      const level = +h.tagName[1], before = i ? +found[i - 1].tagName[1] : 0;
      if (level > before + 1) problems.push(`h${level} after h${before}: ${h.textContent.trim()}`);
      if (!h.textContent.replace("#", "").trim()) problems.push(`empty heading: ${say(h)}`);
    });
    return problems;
  },

  mathematics() {
    const raw = [...document.querySelectorAll(".math, mjx-container")]
      .filter(e => !e.matches("mjx-container") && !e.querySelector("mjx-container"))
      .map(e => `not set: ${say(e)}`);
    const wrong = [...document.querySelectorAll("mjx-merror, [data-mjx-error]")]
      .map(e => `error: ${e.getAttribute("data-mjx-error")} ${say(e)}`);
    const flat = [...document.querySelectorAll("mjx-container svg")]
      .filter(e => seen(e) && e.getBoundingClientRect().width < 1).map(e => `no width: ${say(e)}`);
    return [...raw, ...wrong, ...flat];
  },

  overflow() {
    // Also text that sticks out of its own box, which has no box of its own to look at.
    const width = document.documentElement.clientWidth, problems = [];
    const wide = document.scrollingElement.scrollWidth;
    if (wide > width) problems.push(`the page is ${wide} px wide in a window of ${width}`);
    const scrolls = e => {
      for (; e && e !== document.body; e = e.parentElement) {
        if (["auto", "scroll"].includes(getComputedStyle(e).overflowX)
            && e.getBoundingClientRect().right <= width + 1) return true;
      }
      return false;
    };
    const text = e => e.scrollWidth > e.clientWidth && e.clientWidth > 0
      && getComputedStyle(e).overflowX === "visible"
      && ![...e.children].some(c => c.getBoundingClientRect().right > width + 1 || text(c));
    for (const e of main().querySelectorAll("*")) {
      if (text(e) && e.getBoundingClientRect().left + e.scrollWidth > width + 1
          && seen(e) && !scrolls(e)) problems.push(`its text is ${e.scrollWidth} px wide: ${say(e)}`);
      const box = e.getBoundingClientRect();
      if (box.width > 0 && box.right > width + 1 && seen(e) && !scrolls(e.parentElement)
          && !e.closest("svg svg, mjx-assistive-mml, .visually-hidden, .sr-only"))
        problems.push(`reaches to ${Math.round(box.right)} px of ${width}: ${say(e)}`);
    }
    return problems.slice(0, 10);
  },

  cut() {
    const problems = [];
    for (const e of document.querySelectorAll(".cell_output img, .cell_output svg")) {
      const box = e.getBoundingClientRect(), cell = e.closest(".cell_output").getBoundingClientRect();
      if (seen(e) && box.right > cell.right + 1)
        problems.push(`${Math.round(box.width)} px wide in ${Math.round(cell.width)}: ${say(e)}`);
    }
    return problems;
  },

  pictures() {
    const problems = [];
    for (const e of document.querySelectorAll("img, svg[role=img], [role=img]")) {
      if (e.closest("[aria-hidden=true]")) continue;
      const alt = e.getAttribute("alt") ?? e.getAttribute("aria-label")
        ?? e.getAttribute("aria-labelledby") ?? e.querySelector("title")?.textContent;
      if (alt === "" && !main().contains(e)) continue;  // the logo, beside its own name
      if (!alt || /\.(png|svg|jpe?g)$/.test(alt)) problems.push(`no alt text: ${say(e)}`);
      if (e.tagName === "IMG" && e.complete && !e.naturalWidth) problems.push(`no picture: ${say(e)}`);
    }
    return problems;
  },

  startWalk() {
    window.scrollTo(0, 0);
    document.activeElement?.blur();
    const clickable = "a[href], button, input:not([type=hidden]), select, textarea, summary, "
      + "[tabindex]:not([tabindex='-1']), audio[controls], video[controls]";
    const grouped = e => e.type === "radio" && e.name
      && e !== (document.querySelector(`input[name="${e.name}"]:checked`)
                || document.querySelector(`input[name="${e.name}"]`));
    Object.assign(walk, {met: [], unseen: [], looks: new Map()});
    walk.wanted = [...document.querySelectorAll(clickable)]
      .filter(e => seen(e) && !e.disabled && !e.closest("[inert]") && !grouped(e));
    for (const e of walk.wanted) walk.looks.set(e, look(e));
    document.addEventListener("focusin", event => {
      const e = event.target;
      walk.met.push(e);
      if (walk.looks.has(e) && look(e) === walk.looks.get(e)) walk.unseen.push(e);
    });
    return walk.wanted.length;
  },

  walkIsOver() {
    return new Set(walk.met).size < walk.met.length;
  },

  endWalk() {
    const met = new Set(walk.met);
    return [
      ...walk.wanted.filter(e => !met.has(e)).map(e => `Tab does not reach ${say(e)}`),
      ...[...new Set(walk.unseen)].map(e => `looks the same with the focus: ${say(e)}`),
    ];
  },
};
