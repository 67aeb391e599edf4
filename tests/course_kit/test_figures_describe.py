"""Descriptions of figures say the numbers of the data; the picture shown carries them."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from PIL import Image  # noqa: E402

from course_kit import figures  # noqa: E402
from course_kit.figures import showing  # noqa: E402
from course_kit.figures.alt import words  # noqa: E402
from tutorial_lib import plotting as splt  # noqa: E402
from tutorial_lib.plotting import style  # noqa: E402

quick = settings(max_examples=20, deadline=None)
slow = settings(max_examples=5, deadline=None)  # many axes
values = st.floats(-1e6, 1e6, width=32).map(lambda x: round(x, 3))


def spike_arrays(most: int, columns: int | None = None) -> st.SearchStrategy[np.ndarray]:
    wide = st.integers(1, 6) if columns is None else st.just(columns)
    sides = st.tuples(st.integers(1, most), wide)
    return arrays(np.int8, sides, elements=st.integers(0, 1))


def spikes(spk: np.ndarray) -> str:
    return "1 spike" if spk.sum() == 1 else f"{spk.sum()} spikes"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


# numbers and labels


@given(st.floats(-1e300, 1e300))
def test_numbers_have_three_digits(value: float) -> None:
    text = words.number(value).replace("\N{MINUS SIGN}", "-")
    assert float(text) == pytest.approx(value, rel=0.006)
    assert not re.search(r"e[+-]?0|e\+|^-0$", text)


@given(st.integers(-99_999, 99_999))
def test_whole_numbers_are_whole(value: int) -> None:
    assert words.number(value) == str(value).replace("-", "\N{MINUS SIGN}")


def test_thousands_are_written_out() -> None:
    said = [words.number(value) for value in (6321.4, 289_999.5, 1e5, -123456, 1.5e7, 0.00032)]
    minus = "\N{MINUS SIGN}"
    assert said == ["6320", "290000", "100000", f"{minus}123000", "1.5e7", "0.00032"]


def test_labels_lose_the_signs_of_formulas() -> None:
    assert words.plain(r"$\Delta t$ = 5 ms") == "Delta t = 5 ms"
    assert words.plain(r"$(1-\beta)\,\theta = I_\mathrm{in}$") == "(1-beta) theta = I_in"
    assert words.plain("Membrane potential\n(mV)") == "Membrane potential (mV)"


# each kind of artist


@quick
@given(spike_arrays(8))
def test_a_raster_says_its_spikes(spk: np.ndarray) -> None:
    figure = Figure()
    splt.raster(spk, figure.subplots())
    steps, neurons = spk.shape
    said = figures.describe(figure)
    if not spk.any():
        assert said == f"Neuron against Time step: no spikes of {neurons} neurons in {steps} steps."
        return
    firing, counts = spk.any(axis=0), spk.sum(axis=0)
    first = np.flatnonzero(spk.any(axis=1))[0]
    count = f"{spikes(spk)} of {firing.sum()} of {neurons} neurons"
    assert f": {count} in {steps} steps" in said
    assert f"the first at step {first} in neuron {np.flatnonzero(spk[first])[0]}," in said
    assert said.endswith(f", most, {counts.max()}, in neuron {counts.argmax()}.")


@quick
@given(spike_arrays(8, 1), st.floats(0.5, 2))
def test_a_trace_says_its_spikes_ends_peak_and_threshold(spk: np.ndarray, limit: float) -> None:
    figure = Figure()
    mem = np.linspace(-1, 1, len(spk)) ** 2
    splt.trace(mem, spk[:, 0], threshold=limit, ax=figure.subplots())
    said, times = figures.describe(figure), np.flatnonzero(spk)
    start = (
        f"Membrane potential \\({'.*' if limit != 1 else 'threshold units'}\\) against Time step"
    )
    assert re.match(f"{start} from 0 to {len(spk) - 1}: ", said)
    if len(times) > 1:
        assert f": {len(times)} spikes, the first at {times[0]}, the last at {times[-1]};" in said
    else:
        assert (f": 1 spike, at {times[0]};" if len(times) else ": no spikes;") in said
    assert said.endswith(f"threshold line at {words.number(limit)}.")
    if len(mem) > 2:
        assert f"curve, {len(mem)} points, from 1 to 1, lowest " in said


@quick
@given(arrays(float, st.integers(2, 9), elements=values))
def test_a_curve_says_its_ends_and_its_extremes(y: np.ndarray) -> None:
    figure = Figure()
    ax = figure.subplots()
    ax.plot(np.arange(len(y)) + 10, y, label="a curve")
    ax.set(xlabel="Weight (mV)", ylabel="Loss")
    said, n = figures.describe(figure), words.number
    head = f"Loss against Weight (mV) from 10 to {9 + len(y)}: a curve, {len(y)} points,"
    if y.min() == y.max():
        assert said == f"{head} constant at {n(y[0])}."
        return
    ends = f"{head} from {n(y[0])} to {n(y[-1])}"
    high = f", highest {n(y.max())} at {10 + y.argmax()}" * bool(y.max() > max(y[0], y[-1]))
    low = f", lowest {n(y.min())} at {10 + y.argmin()}" * bool(y.min() < min(y[0], y[-1]))
    assert said == f"{ends}{high}{low}."


@quick
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.booleans())
def test_bars_say_the_highest(heights: list[int], level: bool) -> None:
    figure = Figure()
    ax = figure.subplots()
    names = [f"class {i}" for i in range(len(heights))]
    (ax.barh if level else ax.bar)(names, heights)
    order = sorted(range(len(heights)), key=lambda i: -heights[i])
    zeros = f", {heights.count(0)} of them 0" if 0 in heights else ""
    said = f"{len(heights)} bars{zeros}, the highest {heights[order[0]]} at class {order[0]}"
    rest = [f"{heights[i]} at class {i}" for i in order[1:] if heights[i]]
    said += f", then {', '.join(rest)}." if 0 < len(rest) < 6 else "."
    assert figures.describe(figure) == said


@quick
@example(np.array([[0.0, 1.0], [0.0, 2.0]]))
@given(arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=values))
def test_an_image_says_its_size_and_its_largest_value(picture: np.ndarray) -> None:
    figure = Figure()
    figure.subplots().imshow(picture)
    rows, columns = picture.shape
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    said, n = figures.describe(figure), words.number
    assert f"mage of {rows} by {columns}, " in said
    if picture.min() < picture.max():
        assert said.endswith(f"highest {n(picture.max())} at row {row}, column {column}.")
        above = f" {(picture > 0).sum()} above 0," in said
        assert above == (picture.min() >= 0)


@quick
@given(st.lists(st.tuples(values, values), min_size=1, max_size=20))
def test_a_scatter_plot_says_its_points(points: list[tuple[float, float]]) -> None:
    figure = Figure()
    figure.subplots().scatter(*zip(*points, strict=True), label="circles")
    xs, ys = zip(*points, strict=True)
    across, up = (f"{words.number(min(v))} to {words.number(max(v))}" for v in (xs, ys))
    assert figures.describe(figure) == f"{len(points)} circles, from {across} across and {up} up."


def test_only_what_is_inside_the_axes_is_said() -> None:
    figure = Figure()
    ax = figure.subplots()
    ax.plot([0, 1, 2, 3], [1, 5, 100, 2], label="a")
    ax.plot([8, 9], [1, 1], label="away")
    ax.set(xlim=(0, 4), ylim=(0, 50))
    assert figures.describe(figure) == "A, 3 points, from 1 to 2, highest 5 at 1."


def test_curves_of_one_panel_share_their_number_of_points() -> None:
    figure = Figure()
    ax = figure.subplots()
    x = np.linspace(-1, 1, 401, dtype=np.float32)
    x[200] = 3e-9
    for k in (5, 25):
        ax.plot(x, 1 / (1 + k * np.abs(x)), label=f"k = {k}")
    said = "2 curves of 401 points: k = 5, from 0.167 to 0.167, highest 1 at 0; k = 25, from 0.0385"
    assert figures.describe(figure).startswith(said)
    assert ax.lines[0].get_xdata()[200] == np.float32(3e-9), "the artists stay as they are"


def test_the_confusion_matrix_says_right_and_wrong() -> None:
    ax, _ = figures.confusion_matrix([0, 0, 0, 1, 1, 2], [0, 0, 0, 2, 1, -1], 3)
    said = figures.describe(ax.figure)
    assert "4 right answers in 2 cells, most, 3, at true class 0, predicted class 0" in said
    assert said.endswith("2 wrong answers in 2 cells, most, 1, at true class 1, predicted class 2.")


def test_values_that_stand_across_are_named_by_their_rows() -> None:
    figure = Figure()
    ax = figure.subplots()
    ax.plot([3, 9, 4], [0, 1, 2], "o", label="seeds")
    ax.set_yticks([0, 1, 2], ["atan", "boxcar", "sigmoid"])
    assert figures.describe(figure) == "Seeds, 3 points, highest 9 at boxcar, lowest 3 at atan."


# several panels and many artists


@slow
@given(arrays(np.int8, st.tuples(st.just(4), st.integers(5, 12), st.just(2), st.just(3)),
              elements=st.integers(0, 1)))  # fmt: skip
def test_many_maps_are_summed_up(spk: np.ndarray) -> None:
    figure = Figure()
    maps = spk.shape[1]
    splt.feature_maps(spk, figure.subplots(3, 4))
    counts, said = spk.sum(axis=0), figures.describe(figure)
    titles = ", titled " + ", ".join(f"map {i}" for i in range(maps))
    titles = titles if maps <= 8 else ""  # they would be too long
    head = f"{maps} panels of Spikes in 4 time steps{titles}: 2 by 3 each, "
    if not counts.any():
        assert said == f"{head}all 0."
        return
    best, row, column = np.unravel_index(counts.argmax(), counts.shape)
    highest = f"highest {counts.max()} at row {row}, column {column} in map {best}"
    silent = int((counts.sum(axis=(1, 2)) == 0).sum())
    assert said == head + highest + f", {silent} of them all 0" * bool(silent) + "."


@slow
@given(spike_arrays(6, 7))
def test_many_traces_are_summed_up(spk: np.ndarray) -> None:
    figure = Figure()
    splt.traces(np.cumsum(spk, axis=0) + 0.5, spk, threshold=1.0, fig=figure)
    said, counts = figures.describe(figure), spk.sum(axis=0)
    assert said.startswith("7 panels of Membrane potential (threshold units) against Time step: ")
    assert said.endswith("; threshold line at 1.")
    if counts.any():
        most = f"most, {counts.max()}, in neuron {counts.argmax()}"
        assert f"{spikes(spk)} in all, {most}" in said
        assert f"highest {counts.max() + 0.5} at" in said


@quick
@given(st.lists(st.integers(1, 9), min_size=5, max_size=30, unique=False))
def test_many_curves_in_a_panel_are_summed_up(tops: list[int]) -> None:
    figure = Figure()
    ax = figure.subplots()
    for i, top in enumerate(tops):
        ax.plot([0, top, -i], label=f"net {i}")
    ends = f"highest {max(tops)} at 1 in net {tops.index(max(tops))}"
    low = f"lowest \N{MINUS SIGN}{len(tops) - 1} at 2 in net {len(tops) - 1}"
    assert figures.describe(figure) == f"{len(tops)} curves, {ends}, {low}."


@slow
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 300))
def test_a_description_is_never_long(panels: int, curves: int, steps: int) -> None:
    figure = Figure()
    rng = np.random.default_rng(0)
    for ax in figure.subplots(1, panels, squeeze=False).flat:
        for i in range(curves):
            ax.plot(rng.normal(size=steps + 1), label=f"a curve with quite a long name, number {i}")
            ax.axhline(i, label="a level with a long name")
        ax.set(
            xlabel="Current (thresholds per step)", ylabel="Membrane potential (threshold units)"
        )
    assert len(figures.describe(figure)) <= 900


def test_what_does_not_fit_is_summed_up_or_counted() -> None:
    figure = Figure()
    for i, ax in enumerate(figure.subplots(1, 4)):
        for j, name in enumerate(("first", "second", "third", "fourth")):
            ax.plot(
                [0.111, 0.5 + i + j / 8, 0.333], label=f"the {name} of the curves of this panel"
            )
        for height in (0.2, 0.3):
            ax.axhline(height, label="a line across with a long name, which is not said")
    said = figures.describe(figure)
    for i in range(4):
        assert (
            f"4 curves, highest {words.number(0.875 + i)} at 1 in the fourth of the curves" in said
        )
    assert said.count("; and 2 lines across.") == 4 and "not said" not in said


def test_panels_are_named_by_titles_numbers_and_shared_axes() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2, sharey=True)
    off = figure.add_subplot(2, 1, 2)
    left.plot([1, 2])
    left.set(title="left one", ylabel="Rate", xlabel="Time (ms)", xscale="log", xlim=(0.5, 2))
    right.plot([3, 4])
    off.imshow([[1, 2]])
    off.set_axis_off()
    said = figures.describe(figure)
    assert said.startswith(
        "left one, Rate against Time (ms), logarithmic from 1 to 1: point 2 at 1."
    )
    assert "Panel 2, Rate: curve, 2 points, from 3 to 4. Panel 3: image of 1 by 2" in said


def test_short_titles_of_many_panels_are_said() -> None:
    figure = Figure()
    for label, ax in zip([5, 0, 4, 1, 9], figure.subplots(1, 5), strict=True):
        ax.imshow([[0, label + 1]])
        ax.set_title(label)
    said = "5 panels, titled 5, 0, 4, 1, 9: 1 by 2 each, highest 10 at row 0, column 1 in 9,"
    assert figures.describe(figure).startswith(said)


def test_panels_of_a_grid_are_named_by_column_and_row() -> None:
    figure = Figure()
    axes = figure.subplots(2, 3)
    for i, ax in enumerate(axes.flat):
        splt.raster(np.ones((4, i + 1)), ax)
        ax.set_ylabel("")
    for i in range(3):
        axes[0, i].set_title(f"Network {'ABC'[i]}")
    axes[0, 0].set_ylabel("Output")
    axes[1, 0].set_ylabel("Layer 1")
    said = figures.describe(figure)
    assert (
        "84 spikes in all, most, 24, in Network C, Layer 1, fewest, 4, in Network A, Output" in said
    )


def test_every_plot_of_the_library_says_a_number() -> None:
    spk = np.eye(6)
    drawn = [
        splt.raster(spk).figure, splt.trace(spk[0]).figure, splt.spike_count(spk).figure,
        splt.traces(spk)[0].figure, splt.feature_maps(spk[:, None, None])[0].figure,
        figures.training_curves([1, 2], [2.0, 1.0], [2], [0.5])[0].figure,
        figures.confusion_matrix([0, 1], [0, 1], 2)[0].figure,
    ]  # fmt: skip
    for figure in drawn:
        assert re.search(r"\d", figures.describe(figure))


# show


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook would be given."""
    import IPython.display

    shown: list[str] = []
    monkeypatch.setattr(showing, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda item: shown.append(item.data))
    return shown


def tag(page: str) -> dict[str, str]:
    (found,) = re.findall(r"<img [^>]*>", page)
    return {name: html.unescape(text) for name, text in re.findall(r'([\w-]+)="([^"]*)"', found)}


def picture(page: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(tag(page)["src"].split(",")[1])))


def test_show_leads_with_the_sentence_and_closes_the_figure(pages: list[str]) -> None:
    plt.figure(figsize=(3, 2)).subplots().plot([1, 5, 2])
    figures.show('A "curve" <b>.')
    assert tag(pages[0])["alt"] == 'A "curve" <b>. Curve, 3 points, from 1 to 2, highest 5 at 1.'
    assert "<b>" not in pages[0] and not plt.get_fignums()


def test_show_shows_all_open_figures_or_the_one_that_is_given(pages: list[str]) -> None:
    first, second = plt.figure(), plt.figure()
    first.subplots().plot([1])
    second.subplots().plot([2])
    figures.show("The second.", second)
    assert plt.get_fignums() == [first.number] and "Point 2 at 0" in tag(pages[0])["alt"]
    third = Figure()  # unknown to pyplot
    third.subplots().plot([3])
    figures.show(fig=third)
    assert tag(pages[1])["alt"] == "Point 3 at 0."
    plt.figure().subplots()
    figures.show("Both.")
    assert len(pages) == 4 and not plt.get_fignums()


def test_the_picture_is_sharp_and_small_and_white_stays_white(pages: list[str]) -> None:
    figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    rng = np.random.default_rng(0)
    for i in range(6):
        ax.plot(rng.normal(size=100), **style.curve(i))
    ax.set(xlabel="Time (ms)", ylabel="Membrane potential (mV)")
    figures.show("Noise.")
    size, image = tag(pages[0]), picture(pages[0])
    assert abs(int(size["width"]) - 700) < 20 and abs(image.width - 2 * int(size["width"])) <= 1
    assert image.mode == "P" and image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert len(size["src"]) < 150_000
    colors = [color for _, color in image.convert("RGB").getcolors(256)]
    for i in range(6):
        wanted = 255 * np.array(matplotlib.colors.to_rgb(style.curve(i)["color"]))
        assert min(np.abs(wanted - color).max() for color in colors) <= 4


def test_a_picture_of_many_colors_keeps_them(pages: list[str]) -> None:
    figure, ax = plt.subplots(figsize=(3, 3))
    ax.imshow(np.random.default_rng(0).random((60, 60, 3)))
    ax.set_axis_off()
    figures.show("Noise.")
    assert picture(pages[0]).mode == "RGB"


def test_a_wide_figure_scrolls_and_a_narrow_one_does_not(pages: list[str]) -> None:
    for width in (7, 3):
        plt.figure(figsize=(width, 2)).subplots().plot([1, 2])
        figures.show("A line that rises.")
    wide, narrow = pages
    for part in ('role="region"', 'tabindex="0"', "overflow-x:auto"):
        assert part in wide and part not in narrow
    assert 'aria-label="Figure: A line that rises. Curve ..."' in wide
    for page in pages:
        least = int(re.search(r"min-width:(\d+)px", page)[1])
        assert least == pytest.approx(0.75 * int(tag(page)["width"]), abs=1)
    assert "http" not in wide.replace(tag(wide)["src"], "")


def test_a_script_in_a_terminal_shows_the_figure_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[bool] = []
    monkeypatch.setattr(plt, "show", lambda: called.append(True))
    plt.figure().subplots().plot([1])
    figures.show("A point.")
    assert called == [True] and plt.get_fignums()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: figures.show(), ValueError, "no open figure"),
        (lambda: figures.show(Figure()), TypeError, r"show\(fig=fig\)"),
        (lambda: figures.show("A figure.", plt.subplots()[1]), TypeError, "Axes.*pass the first"),
        (lambda: figures.show("A figure.", plt.figure()), ValueError, "no axes"),
        (lambda: figures.describe(3), TypeError, "int"),
    ],
)
def test_bad_input_is_refused(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()
