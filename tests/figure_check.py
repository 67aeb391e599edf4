"""Compares the description of every figure that a notebook shows with what it plots.

`make test` lets each notebook's kernel start with `watch` (see kernel_startup.py). It reads the
artists itself, does not ask the code that describes them, and raises in the cell where a number is
missing, where a figure is shown by other means, or where one is left open.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from IPython import get_ipython

from course_kit import figures
from course_kit.figures import showing

LONGEST = 1100  # letters of a description, its sentence included: a minute of listening
FEW = 4  # panels of a kind that are described one by one


def numbers(text: str) -> np.ndarray:
    """Return all numbers of a text."""
    found = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?", text.replace("\N{MINUS SIGN}", "-"))
    return np.array([float(word) for word in found])


def said(value: float, text: str) -> bool:
    """Say whether a text holds this number, to three digits."""
    return bool(np.isclose(numbers(text), value, rtol=0.006, atol=1e-12).any())


def check(figure: Any, text: str) -> None:
    """Raise AssertionError unless ``text`` holds the numbers of the artists of ``figure``."""
    for what, values, of_all in expected(figure):
        wanted = values if len(values) <= FEW else [of_all(values)]
        for value in filter(None, wanted):  # of none, no number is said
            assert said(value, text), f"{what}: {value:.4g} is not in the description: {text}"
    assert numbers(text).size, f"There is no number in the description: {text}"
    assert len(text) <= LONGEST, f"Too long to listen to, {len(text)} letters: {text}"


def expected(figure: Any) -> list[tuple[str, list[float], Callable[[Sequence[float]], float]]]:
    """Return what is plotted: a name, a number for each artist or panel, and their sum or such."""
    axes = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    items = [item for ax in axes for item in ax.collections]
    rasters = [len(i.get_offsets()) for i in items if i.get_gid() == "raster"]
    strokes = [len(i.get_segments()) for i in items if i.get_gid() == "spikes"]
    groups = [group for ax in axes for group in ax.containers if hasattr(group, "orientation")]
    lengths = [
        max(bar.get_width() if g.orientation == "horizontal" else bar.get_height() for bar in g)
        for g in groups
    ]
    images = [image.get_array() for ax in axes for image in ax.images]
    brightest = [array.max() for array in images if array.ndim == 2 and np.ma.count(array)]
    peaks = [peak for ax in axes for peak in [highest(ax)] if peak is not None]
    return [
        ("spikes of a raster", rasters, sum),
        ("spikes above a membrane", strokes, sum),
        ("highest bar", lengths, max),
        ("largest value of an image", brightest, max),
        ("highest point of the curves", peaks, max),
    ]


def highest(ax: Any) -> float | None:
    """Return the largest value that a curve of ``ax`` reaches inside the limits of the axes."""
    (left, right), (low, high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    family = ax.get_shared_y_axes().get_siblings(ax)  # one of them may carry the labels for all
    words = [label.get_text() for member in family for label in member.get_yticklabels()]
    named = any(re.search("[A-Za-z]", word) for word in words)  # the values then stand across
    best = []
    for line in ax.lines:
        x, y = (np.asarray(values, float) for values in line.get_data(orig=False))
        if line.get_transform() != ax.transData or not len(x):
            continue
        eps = 1e-6
        kept = (x >= left - eps) & (x <= right + eps) & (y >= low - eps) & (y <= high + eps)
        best += (x if named else y)[kept].tolist()
    return max(best) if best else None


def watch() -> None:
    """Watch the functions by which this session shows figures."""
    import matplotlib.pyplot as plt

    page_part, to_html = showing.page_part, figures.to_html

    def watched_part(figure: Any, alt: str) -> str:
        made = page_part(figure, alt)
        assert html.escape(alt) in made, "The description is not in the page."
        computed = figures.describe(figure)
        assert alt.endswith(computed) and len(alt) > len(computed) + 10, (
            f"No sentence says what the figure is to show: {alt}"
        )
        try:
            check(figure, alt)
        except AssertionError:
            plt.close(figure)  # or it would be shown at the end of the cell, another error
            raise
        return made

    def watched_player(anim: Any, **options: Any) -> Any:
        made = to_html(anim, **options)
        check(anim._fig, html.unescape(re.search(r'<img alt="([^"]*)"', made.data)[1]))
        return made

    def refused(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("The course shows a figure by figures.show(...), not by plt.show().")

    def no_bare_picture(message: dict[str, Any]) -> dict[str, Any]:
        kinds = message.get("content", {}).get("data", {})
        if any(kind.startswith("image/") for kind in kinds):
            raise AssertionError("A picture without description is left here: use figures.show.")
        return message

    showing.page_part = watched_part
    figures.to_html = watched_player
    plt.show = refused
    get_ipython().display_pub.register_hook(no_bare_picture)
    get_ipython().displayhook.register_hook(no_bare_picture)
