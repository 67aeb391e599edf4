"""Keeps a figure legible on a phone: it scrolls sideways where it would shrink too far."""

from __future__ import annotations

import html

PHONE = 328  # pixels of width that a phone of 360 leaves to a figure
SHRINK = 0.75  # a figure gets no narrower than this share of its width, or its text cannot be read

# The script lets the keyboard stop at a figure only where there is something to scroll.
_REGION = (
    '<div role="region" tabindex="0" aria-label="{name}" style="overflow-x:auto;max-width:100%">'
    "{image}</div><script>(r => new ResizeObserver(() => {{ const wide = r.scrollWidth > "
    'r.clientWidth; r.tabIndex = wide ? 0 : -1; r.setAttribute("role", wide ? "region" : "group"); '
    "}}).observe(r))(document.currentScript.previousElementSibling)</script>"
)


def image(alt: str, source: str, width: int, height: int) -> str:
    """Return an ``<img>`` of this size in pixels that shrinks by a quarter, then scrolls.

    Args:
        alt: its description; the first words name what scrolls.
        source: address or data of the picture.
        width: pixels on the page.
        height: pixels on the page.
    """
    least = round(SHRINK * width)
    tag = (
        f'<img alt="{html.escape(alt)}" src="{source}" width="{width}" height="{height}" '
        f'style="display:block;width:{width}px;max-width:100%;min-width:{least}px;height:auto;'
        'background:#fff">'
    )
    if least <= PHONE:
        return tag
    words = alt.split()
    name = " ".join(["Figure:", *words[:5]]).rstrip(".,:;") + " ..." * (len(words) > 5)
    return _REGION.format(name=html.escape(name), image=tag)
