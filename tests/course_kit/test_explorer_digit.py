"""What is drawn becomes an image as the dataset's, and the answer shown is the network's."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from course_kit import frontend, material
from course_kit.explorers import (
    _digit_view,
    _drawings,
    _examples,
    _live,
    _pad,
    _recording,
    digit,
)
from tutorial_lib import Leaky, data, networks, surrogate
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass

STEPS = 12


@pytest.fixture(autouse=True)
def no_drawing_from_before() -> None:
    _live.POSITIONS.clear()


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    net = networks.conv_net(spike_grad=surrogate.fast_sigmoid(25))
    with torch.no_grad():
        for weight in net.parameters():
            weight *= 4
    return net


# Preparation

points = st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9))
drawings = st.lists(st.lists(points, min_size=1, max_size=5), min_size=1, max_size=3)


def box(image: np.ndarray) -> tuple[int, int, int, int]:
    """First and last row, first and last column of what is not zero."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return rows[0], rows[-1], columns[0], columns[-1]


def center(image: np.ndarray) -> np.ndarray:
    return np.array([(place * image).sum() for place in np.indices(image.shape)]) / image.sum()


@given(drawings)
def test_mnist_like_images_fill_the_box_and_are_centered_by_mass(lines: list) -> None:
    image = _drawings.as_mnist(_drawings.strokes(lines, 9))
    assert image.shape == (1, 1, 28, 28) and image.dtype == torch.float32
    pixels = image[0, 0].numpy()
    assert pixels.min() >= 0 and 0.4 < pixels.max() <= 1
    top, bottom, left, right = box(pixels)
    assert 19 <= max(bottom - top, right - left) + 1 <= 20
    for at, first, last in zip(center(pixels), (top, left), (bottom, right), strict=True):
        assert abs(at - 14) <= 0.5 + 1e-4 or (at > 14 and first <= 1) or (at < 14 and last >= 26)


@given(drawings, st.integers(-60, 60), st.integers(-60, 60))
def test_the_place_on_the_canvas_does_not_matter(lines: list, down: int, across: int) -> None:
    ink = _drawings.strokes(lines, 9)
    top, bottom, left, right = box(ink)
    down = min(max(down, -top), len(ink) - 1 - bottom)
    across = min(max(across, -left), len(ink) - 1 - right)
    moved = np.roll(ink, (down, across), (0, 1))
    for prepare in (_drawings.as_mnist, _drawings.as_digits):
        assert torch.equal(prepare(moved), prepare(ink))


@given(drawings, st.integers(2, 4))
def test_the_size_hardly_matters(lines: list, times: int) -> None:
    ink = _drawings.strokes(lines, 9)
    large = ink.repeat(times, 0).repeat(times, 1)
    for prepare in (_drawings.as_mnist, _drawings.as_digits):
        small, big = prepare(ink), prepare(large)
        if prepare is _drawings.as_mnist:  # the center may round to the neighboring pixel
            assume(np.allclose(center(small[0, 0].numpy()), center(big[0, 0].numpy()), atol=0.3))
        assert (small - big).abs().mean() < 0.02


@given(drawings)
def test_images_like_the_embedded_digits_have_full_height(lines: list) -> None:
    ink = _drawings.strokes(lines, 9)
    image = _drawings.as_digits(ink)
    assert image.shape == (1, 1, 28, 28)
    assert image.min() >= 0 and image.max() <= 1
    pixels = image[0, 0].numpy()
    assert pixels[0].any() and pixels[-1].any()
    top, bottom, left, right = box(ink)
    wide = min(32 * (right - left + 1) / (bottom - top + 1), 24) * 28 / 32
    first, last = box(pixels)[2:]
    assert last - first + 1 <= wide + 11  # up to a block at each side, and the resizing's edges
    assert abs((first + last) / 2 - 13.5) <= 2.5
    small = torch.nn.functional.interpolate(image, size=(8, 8), mode="area")
    assert small[0, 0].any()


def test_the_embedded_digits_are_enlarged_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    small = torch.rand(2, 1, 8, 8)
    large = data.enlarged(small)
    expected = torch.nn.functional.interpolate(small, size=(28, 28), mode="bilinear")
    assert torch.equal(large, expected)
    seen = []
    keep = lambda image: seen.append(image) or data.enlarged(image)  # noqa: E731
    monkeypatch.setattr(_drawings, "enlarged", keep)
    _drawings.as_digits(_drawings.strokes([[(0.5, 0.2), (0.5, 0.8)]], 9))
    assert [list(image.shape) for image in seen] == [[1, 1, 8, 8]]


def test_a_known_drawing() -> None:
    ink = np.zeros((112, 112), dtype=bool)
    ink[10:50, 60:70] = True  # 40 by 10: becomes 20 by 5, exactly
    image = _drawings.as_mnist(ink)[0, 0]
    expected = torch.zeros(28, 28)
    expected[14 - 10 : 14 + 10, 14 - 2 : 14 + 3] = 1
    # The center of 20 rows lies between two pixels: either may be pixel 14.
    assert torch.equal(image, expected) or torch.equal(image, expected.roll(1, 0))
    image = _drawings.as_digits(ink)
    small = torch.zeros(1, 1, 8, 8)
    small[..., 3:5] = 1
    assert torch.allclose(image, data.enlarged(small))


def test_no_ink_gives_a_black_image() -> None:
    blank = np.zeros((112, 112), dtype=bool)
    for source in ("mnist", "digits"):
        assert not _drawings.preprocess(blank, source).any()


@pytest.mark.parametrize(
    ("ink", "source", "error", "message"),
    [
        (np.zeros((3, 3)), "mnist", TypeError, "gray > 0.5"),
        ([[True]], "mnist", TypeError, "list"),
        (np.zeros(3, dtype=bool), "digits", ValueError, r"shape \[H, W\]"),
        (np.zeros((0, 3), dtype=bool), "mnist", ValueError, "not empty"),
        (np.zeros((3, 3), dtype=bool), "MNIST", ValueError, 'must be "mnist" or "digits"'),
    ],
)
def test_bad_ink(ink: object, source: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _drawings.preprocess(ink, source)


@given(drawings, st.floats(3, 20))
def test_strokes_are_as_wide_as_the_pen(lines: list, width: float) -> None:
    ink = _drawings.strokes(lines, width)
    ends = [point for line in lines for point in line]
    for x, y in ends:
        assert ink[int(y * 112), int(x * 112)]
    row, column = np.indices(ink.shape) + 0.5
    reach = min(np.hypot(column - 112 * x, row - 112 * y).min() for x, y in ends)
    assert reach <= 1
    outside = np.ones_like(ink)
    for line in lines:  # beyond the box of a line, widened by half a pen, there is none of its ink
        xs, ys = np.array(line).T * 112
        near_x = (column > xs.min() - width / 2 - 1) & (column < xs.max() + width / 2 + 1)
        near_y = (row > ys.min() - width / 2 - 1) & (row < ys.max() + width / 2 + 1)
        outside &= ~(near_x & near_y)
    assert not (ink & outside).any()


# The answer


@pytest.mark.parametrize("source", ["mnist", "digits"])
def test_every_example_shows_the_networks_answer(net: nn.Module, source: str) -> None:
    explorer = digit.draw_digit(net, STEPS, source)
    positions = list(explorer.grid(page=True))
    assert len(positions) == len(_examples.EXAMPLES) == 13
    for position in positions:
        said = explorer.compute(**position)
        ink = _drawings.strokes(_examples.EXAMPLES[position["drawn"]], _drawings.PEN[source])
        image = _drawings.preprocess(ink, source)
        spk_rec, _ = forward_pass(net, STEPS, image)
        assert np.array_equal(said.ink, ink)
        assert np.array_equal(said.recording.image, image[0])
        assert np.array_equal(said.recording.spikes, spk_rec[:, 0].detach())
        assert np.array_equal(said.counts, spk_rec[:, 0].detach().sum(0))
        assert said.recording.prediction == SF.predict_rate(spk_rec)
        text = explorer.describe(said)
        assert f"Drawn: {position['drawn']}." in text and said.sentence in text
        told = re.findall(r"(\d): (\d+)", text.split("in 12 steps: ")[1])
        assert {int(c): int(n) for c, n in told} == dict(enumerate(said.counts.tolist()))


def spoken(spikes: list[list[int]], drawn: bool = True) -> _digit_view.Classification:
    record = torch.tensor(spikes, dtype=torch.float32).unsqueeze(1)
    recording = _recording.Recording(
        image=np.zeros((1, 28, 28)),
        layers=(),
        spikes=np.array(spikes, dtype=np.uint8),
        membranes=np.zeros((len(spikes), len(spikes[0]))),
        threshold=1.0,
        prediction=int(SF.predict_rate(record)),
        decision=-1,
        target=None,
        labels=tuple(map(str, range(len(spikes[0])))),
    )
    return _digit_view.Classification(np.full((112, 112), drawn), recording)


def test_the_answer_in_words() -> None:
    silent, tied = [[0, 0, 0]] * 3, [[0, 1, 1], [1, 0, 0], [0, 1, 1]]
    assert spoken(silent).sentence == "No decision: no output neuron fires."
    assert spoken(silent, drawn=False).sentence.startswith("Nothing is drawn. No decision")
    assert spoken(tied).sentence == "No decision: 1 and 2 are level at 2 spikes."
    assert spoken([[1, 1, 1]]).sentence == "No decision: 0, 1 and 2 are level at 1 spikes."
    assert spoken([[0, 0, 1]]).sentence == "Answer: 2, with 1 spike; no other fires."
    won = [[0, 1, 1], [0, 0, 1]]
    assert spoken(won).sentence == "Answer: 2, with 2 spikes, next 1 with 1."


@given(st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=1, max_size=6))
def test_only_a_single_leader_is_an_answer(spikes: list[list[int]]) -> None:
    counts = np.sum(spikes, axis=0)
    leaders = np.flatnonzero(counts == counts.max())
    text = spoken(spikes).sentence
    if counts.any() and len(leaders) == 1:
        assert text.startswith(f"Answer: {leaders[0]}, with {counts.max()} spike")
    else:
        assert text.startswith("No decision")


@pytest.mark.parametrize("drawn", ["a 3", "nothing"])
def test_the_artists_hold_the_data(net: nn.Module, drawn: str) -> None:
    explorer = digit.draw_digit(net, STEPS)
    said, figure = explorer.compute(drawn=drawn), explorer.figure(drawn=drawn)
    found = {a.get_gid(): a for a in figure.findobj() if a.get_gid() not in (None, "count")}
    assert np.array_equal(found["drawing"].get_array(), said.ink)
    assert np.array_equal(found["seen"].get_array(), said.recording.image[0])
    marks = sorted(map(tuple, found["raster"].get_offsets()))
    assert marks == sorted(map(tuple, np.argwhere(said.recording.spikes)))
    (bars,) = [ax.patches for ax in figure.axes if ax.patches]
    assert [bar.get_width() for bar in bars] == said.counts.tolist()
    assert found["sentence"].get_text().replace("\n", " ").strip() == said.sentence


def test_the_page_is_one_small_piece(net: nn.Module) -> None:
    page = digit.draw_digit(net, STEPS).html()
    assert len(page.encode()) < 200_000
    assert "<select" in page and "between 4 and 9" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"net": None}, TypeError, "net must be an nn.Module"),
        ({"net": nn.Sequential(nn.Linear(28, 2))}, ValueError, r"no tutorial_lib\.Leaky"),
        ({"num_steps": 0}, ValueError, "at least 1"),
        ({"num_steps": "50"}, TypeError, "integer"),
        ({"source": "auto"}, ValueError, "source must be"),
    ],
)
def test_bad_arguments(
    net: nn.Module, change: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        digit.draw_digit(**{"net": net, "num_steps": 3, **change})


# The canvas


@given(st.integers(0, 2**31))
def test_ink_travels_as_text(seed: int) -> None:
    ink = np.random.default_rng(seed).random((112, 112)) < 0.3
    assert np.array_equal(_pad.inked(_pad.packed(ink)), ink)


def test_the_pen_of_each_data_set_leaves_about_as_much_ink_as_the_data_have(net: nn.Module) -> None:
    digits = data.load("digits", verbose=False)
    images = digits.train.tensors[0]
    drawn = [
        _drawings.as_digits(_drawings.strokes(_examples.EXAMPLES[name], _drawings.PEN["digits"]))
        for name in list(_examples.EXAMPLES)[:10]
    ]
    assert torch.cat(drawn).mean() == pytest.approx(float(images.mean()), rel=0.1)
    for source, width in _drawings.PEN.items():
        assert digit.draw_digit(net, 1, source).canvas()[0].pen == width


def test_drawing_changes_the_answer(net: nn.Module) -> None:
    explorer = digit.draw_digit(net, STEPS)
    pad, image = explorer.canvas()
    assert pad.pixels == "0" * 112**2
    assert pad.answer == explorer.compute(drawn="nothing").sentence
    for drawn in ("a 3", "a 1", "nothing"):
        ink = _drawings.strokes(_examples.EXAMPLES[drawn], 12)
        pad.pixels = _pad.packed(ink)
        said = explorer.compute(ink=ink)
        assert pad.answer == said.sentence
        assert image.value == _live.picture(explorer, said)
        assert pad.answer in image.value  # the picture's description
    other = networks.conv_net()
    with torch.no_grad():
        net.load_state_dict(other.state_dict())
    pad.pixels = _pad.packed(_drawings.strokes(_examples.EXAMPLES["a 3"], 12))
    assert pad.answer.startswith("No decision")  # the network as it is now, untrained


def test_the_drawing_is_kept_when_the_cell_is_run_again(net: nn.Module) -> None:
    pad, image = digit.draw_digit(net, STEPS).canvas()
    pad.pixels = _pad.packed(_drawings.strokes(_examples.EXAMPLES["a 7"], 12))
    again, same = digit.draw_digit(net, STEPS).canvas()
    assert again.pixels == pad.pixels and again.answer == pad.answer and same.value == image.value


@pytest.mark.parametrize("pixels", ["", "0" * 111, "2" * 112**2, "0" * 112**2 + "1"])
def test_the_canvas_takes_nothing_else(pixels: str) -> None:
    pad = _pad.DigitPad()
    with pytest.raises(traitlets.TraitError, match="112 rows of 112"):
        pad.pixels = pixels
    assert pad.pixels == _pad.BLANK


def test_the_view_speaks_of_what_the_model_has() -> None:
    script = (Path(digit.__file__).parent / "_pad.js").read_text(encoding="utf-8")
    traits = set(_pad.DigitPad.class_traits(sync=True))
    used = set(re.findall(r'model\.(?:get|set)\("(\w+)"', script))
    assert used == {"pixels", "answer", "side", "pen"} and used <= traits
    assert script.rstrip().endswith("export default { render };")
    assert _pad.DigitPad._esm == script
    for words in ("Canvas to draw a digit on", 'role="status"', ">Clear<", "arrows move the pen"):
        assert words in script
    assert "http" not in script and len(script.splitlines()) < 100


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    outputs: list = []
    monkeypatch.setattr("IPython.display.display", outputs.append)
    monkeypatch.setattr(frontend, "has_kernel", lambda: True)
    monkeypatch.setattr(frontend, "has_widgets", lambda: True)
    return outputs


def test_with_a_kernel_there_is_a_canvas_and_a_picture(net: nn.Module, shown: list) -> None:
    digit.draw_digit(net, STEPS)._ipython_display_()
    assert [type(part).__name__ for part in shown] == ["DigitPad", "HTML"]
    assert "<img alt=" in shown[1].value


def test_without_anywidget_it_says_how_to_get_it(
    net: nn.Module, shown: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    digit.draw_digit(net, STEPS)._ipython_display_()
    assert "pip install anywidget" in shown[0].data
    assert type(shown[1]).__name__ == "VBox"  # the drawings made before


def test_without_a_kernel_there_are_drawings_made_before(
    net: nn.Module, shown: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend, "has_widgets", lambda: False)
    explorer = digit.draw_digit(net, 2)
    explorer._ipython_display_()
    assert [part.data for part in shown] == [explorer.html()]


def test_any_network_for_such_images_will_do() -> None:
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 2), Leaky(0.5, init_hidden=True, output=True)
    )
    explorer = digit.draw_digit(net, 3)
    explorer.figure(drawn="a 0")
    images: Tensor = material.printed_digits()[0][:1]
    assert explorer.compute(drawn="a 0").recording.spikes.shape == (3, 2) and images.shape[-1] == 28
