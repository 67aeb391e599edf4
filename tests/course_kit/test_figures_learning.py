"""Figures of learning: what is drawn is what went in, and bad input is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_kit import figures
from course_kit.figures.learning import _readable
from tutorial_lib import surrogate

quick = settings(max_examples=10, deadline=None)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def tagged(artists: Any, gid: str) -> list[Any]:
    return [artist for artist in artists if artist.get_gid() == gid]


def test_training_curves_show_values_percent_and_floors() -> None:
    floors = {"silent": float(np.log(10)), "perfect": 1.4612}
    loss, accuracy = figures.training_curves(
        range(1, 41), np.linspace(2.3, 1.5, 40), [20, 40], [0.5, 0.957], floors=floors
    )
    (curve,) = tagged(loss.lines, "loss")
    assert np.allclose(curve.get_ydata(), np.linspace(2.3, 1.5, 40))
    assert curve.get_xdata()[0] == 1
    for name, value in floors.items():
        assert list(tagged(loss.lines, name)[0].get_ydata()) == [value, value]
        assert tagged(loss.texts, name)[0].get_text() == name
        assert loss.get_ylim()[0] < value < loss.get_ylim()[1]
    (points,) = tagged(accuracy.lines, "accuracy")
    assert points.get_xydata().tolist() == [[20, 50], [40, pytest.approx(95.7)]]
    assert tagged(accuracy.texts, "last accuracy")[0].get_text() == "95.7 %"
    assert (loss.get_xlabel(), accuracy.get_ylabel()) == ("Iteration", "Accuracy (%)")
    assert len(figures.training_curves([1], [2.0])) == 1


def test_training_curves_ring_the_chosen_accuracy() -> None:
    _, accuracy = figures.training_curves([1], [2.0], [0, 25, 50], [0.1, 0.9, 0.8], chosen=25)
    (ring,) = tagged(accuracy.lines, "chosen")
    assert ring.get_xydata().tolist() == [[25, 90]]
    assert tagged(accuracy.texts, "chosen accuracy")[0].get_text() == "chosen: 90.0 %"
    assert not tagged(accuracy.texts, "last accuracy")


@quick
@given(st.integers(1, 6), st.data())
def test_confusion_matrix_counts_every_pair(classes: int, data: st.DataObject) -> None:
    pair = st.tuples(st.integers(0, classes - 1), st.integers(-1, classes - 1))
    pairs = data.draw(st.lists(pair, min_size=1, max_size=40))
    targets, predictions = torch.tensor(pairs).T
    ax, matrix = figures.confusion_matrix(targets, predictions, classes)
    plt.close(ax.figure)
    expected = np.zeros((classes, classes + 1), dtype=int)
    for target, prediction in pairs:
        expected[target, prediction] += 1  # -1 is the last column
    assert np.array_equal(matrix, expected) and matrix.dtype == np.int64
    written = {
        (int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text())
        for t in tagged(ax.texts, "cell")
    }
    assert written == {tuple(i): expected[tuple(i)] for i in np.argwhere(expected)}
    assert ax.get_xticklabels()[-1].get_text() == "none"


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_numbers_in_cells_contrast_with_any_background(rgb: tuple[float, float, float]) -> None:
    def luminance(color: Any) -> float:
        c = np.array(matplotlib.colors.to_rgb(color))
        return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
                     @ [0.2126, 0.7152, 0.0722])  # fmt: skip

    pale, dark = sorted([luminance(rgb), luminance(_readable(rgb))], reverse=True)
    assert (pale + 0.05) / (dark + 0.05) >= 4.5


def test_surrogate_curves_are_theirs_and_differ_without_color() -> None:
    gallery = {name: family() for name, family in surrogate.SURROGATES.items()}
    x = torch.linspace(-2, 2, 81, dtype=torch.float64)
    left, right = figures.surrogate_curves(gallery, x)
    for ax, kind in ((left, "primitive"), (right, "derivative")):
        lines = tagged(ax.lines, kind)
        assert [line.get_label() for line in lines] == list(gallery)
        for line, item in zip(lines, gallery.values(), strict=True):
            assert np.allclose(line.get_ydata(), getattr(item, kind)(x))
    looks = {(line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(looks) == len(gallery)
    assert tagged(left.lines, "true spike")[0].get_xydata().tolist() == [
        [-2, 0], [0, 0], [0, 1], [2, 1]
    ]  # fmt: skip
    assert [t.get_text() for t in left.figure.legends[0].get_texts()][1:] == list(gallery)


REFUSED = [
    ("curves floors", lambda: figures.training_curves([1], [1], floors=2.3), ("map names", "2.3")),
    ("curves floor", lambda: figures.training_curves([1], [1], floors={"a": "x"}), ("'a'", "str")),
    ("curves lengths", lambda: figures.training_curves([1, 2], [1.0]), (r"\[2\]", r"\[1\]")),
    ("curves NaN", lambda: figures.training_curves([1, 2], [1.0, np.nan]), ("nan", r"\[1\]")),
    ("curves half", lambda: figures.training_curves([1], [1.0], accuracy=[0.5]), ("together",)),
    ("chosen", lambda: figures.training_curves([1], [1], [1], [1], chosen=2), ("2", "of: 1")),
    ("chosen of none", lambda: figures.training_curves([1], [1], chosen=2), ("2", "none")),
    ("curves percent", lambda: figures.training_curves([1], [1.0], [1], [94.9]), ("94.9", "100")),
    ("confusion one-hot", lambda: figures.confusion_matrix(torch.eye(3), torch.eye(3), 3), (r"\[3, 3\]", "argmax")),  # noqa: E501
    ("confusion range", lambda: figures.confusion_matrix([0, 3], [0, 0], 3), ("0 to 3",)),
    ("confusion undecided", lambda: figures.confusion_matrix([-1], [0], 3), ("-1",)),
    ("confusion lengths", lambda: figures.confusion_matrix([0, 1], [0], 3), (r"\[2\]", r"\[1\]")),
    ("confusion parts", lambda: figures.confusion_matrix([0.5], [0], 3), ("whole", "0.5")),
    ("confusion many", lambda: figures.confusion_matrix([0], [0], 10**30), ("at most 200",)),
    ("confusion labels", lambda: figures.confusion_matrix([0], [0], 3, labels=["a"]), ("3 names",)),
    ("surrogates list", lambda: figures.surrogate_curves([surrogate.atan()]), ("list",)),
    ("surrogates none", lambda: figures.surrogate_curves({}), ("empty",)),
    ("surrogates x", lambda: figures.surrogate_curves({"a": surrogate.atan()}, [1, 0]), ("2",)),
    ("surrogates half", lambda: figures.surrogate_curves({"a": surrogate.from_derivative(torch.ones_like)}), ("has no primitive",)),  # noqa: E501
    ("confusion count", lambda: figures.confusion_matrix([0], [0], True), ("True",)),
]  # fmt: skip


@pytest.mark.parametrize(("call", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_bad_input_is_refused_before_anything_is_drawn(
    call: Callable[[], Any], said: tuple[str, ...]
) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    for part in said:
        assert re.search(part, str(caught.value)), (part, str(caught.value))
    assert not plt.get_fignums()
