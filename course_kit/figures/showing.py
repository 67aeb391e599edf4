"""Shows figures with a description computed from what they plot, for readers who cannot see them.

JupyterLab reads an image's alternative text from HTML alone, and no cell's metadata. So a figure is
shown as an ``<img alt=...>``, which looks the same in JupyterLab, in Colab and in the book.
"""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from . import _scrolling
from .alt import describe

DPI = 100  # pixels per inch on the page; a figure of 7 inches is 700 pixels wide
SHARP = 2  # pixels of the picture for each of the page: screens of phones and good laptops show two
# With 256 colors no more than this share of the pixels may be off by more than LOSS, of 255.
LOSS, FEW = 32, 1e-3


def show(about: str = "", fig: Figure | None = None) -> None:
    """Show a figure with a description for those who cannot see it, and take it from pyplot.

    In a notebook this replaces ``plt.show()``. The description is ``about``, then what
    :func:`describe` computes from the figure. In a plain script it is ``plt.show()``.

    Args:
        about: a sentence that says what the figure is to show; it leads.
        fig: the figure; all of pyplot's open figures if None.

    Raises:
        TypeError: if ``about`` is no text or ``fig`` no Figure.
        ValueError: if no figure is open, or it has no axes.
    """
    import matplotlib.pyplot as plt

    if not isinstance(about, str):
        raise TypeError(
            f"about must be a sentence, got {type(about).__name__}. Name the figure: show(fig=fig)."
        )
    figures = [plt.figure(number) for number in plt.get_fignums()] if fig is None else [fig]
    if not figures:
        raise ValueError("There is no open figure: draw one first, or pass it as fig.")
    texts = [f"{about} {describe(figure)}".strip() for figure in figures]
    if not _in_notebook():
        plt.show()
        return
    from IPython.display import HTML, display

    for figure, text in zip(figures, texts, strict=True):
        display(HTML(page_part(figure, text)))
        plt.close(figure)


def page_part(fig: Figure, alt: str) -> str:
    """Return ``fig`` as an HTML image, sharp on screens of high density, with this description.

    Where a page is narrower than three quarters of it, the figure scrolls instead of shrinking.
    """
    data, width, height = picture(fig)
    source = "data:image/png;base64," + b64encode(data).decode()
    return _scrolling.image(alt, source, width, height)


def picture(fig: Figure) -> tuple[bytes, int, int]:
    """Return ``fig`` as a PNG file, and its width and height on the page in pixels."""
    from PIL import Image

    file = BytesIO()
    fig.savefig(
        file, format="png", dpi=SHARP * DPI, bbox_inches="tight", pad_inches=0.06,
        facecolor=fig.get_facecolor(),
    )  # fmt: skip
    drawn = Image.open(file).convert("RGBA")
    flat = Image.new("RGB", drawn.size, "white")
    flat.paste(drawn, mask=drawn.getchannel("A"))
    file = BytesIO()
    _few_colors(flat).save(file, "png", optimize=True)
    return file.getvalue(), round(flat.width / SHARP), round(flat.height / SHARP)


def _few_colors(image: Any) -> Any:
    """Return a PIL image with 256 colors, a third of the size, unless a color would change."""
    from PIL.Image import Dither, Quantize

    if image.getcolors(256):
        return image.quantize(256, Quantize.MEDIANCUT, dither=Dither.NONE)
    few = image.quantize(256, Quantize.FASTOCTREE, dither=Dither.NONE)
    # It makes white nearly white, which would show as a box on the page.
    palette = np.reshape(few.getpalette(), (-1, 3))
    palette[(palette >= 252).all(axis=1)] = 255
    few.putpalette(palette.ravel().tolist())
    error = np.asarray(image, np.int16) - np.asarray(few.convert("RGB"), np.int16)
    return few if (np.abs(error).max(axis=-1) > LOSS).mean() <= FEW else image


def _in_notebook() -> bool:
    """Say whether a kernel runs this: a terminal cannot show HTML."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
