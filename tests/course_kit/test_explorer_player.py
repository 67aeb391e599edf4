"""The spike player shows what record_spikes and forward_pass give, at every step."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from torch import Tensor, nn

from course_kit import material
from course_kit.explorers import _player_view as view
from course_kit.explorers import _recording
from course_kit.explorers.player import moment, spike_player
from tutorial_lib import Leaky, networks, surrogate
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass, record_spikes

STEPS = 12


def lively(net: nn.Module, gain: float = 4.0) -> nn.Module:
    """Scale the weights up, so that spikes reach the output without training."""
    with torch.no_grad():
        for weight in net.parameters():
            weight *= gain
    return net


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return lively(networks.conv_net(spike_grad=surrogate.fast_sigmoid(25)))


@pytest.fixture
def image() -> Tensor:
    return material.printed_digits()[0][3:4]


def lif(**kwargs: object) -> Leaky:
    return Leaky(0.6, init_hidden=True, **kwargs)


class Loop(nn.Module):
    """Explicit state, a layer without a place for its neurons, and one that is defined too late."""

    def __init__(self) -> None:
        super().__init__()
        self.last = Leaky(0.5, init_hidden=True, output=True)
        self.first = nn.Linear(6, 30)
        self.second = nn.Linear(30, 3)
        self.hidden = lif()
        self.dropout = nn.Dropout(0.5)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        return self.last(self.second(self.dropout(self.hidden(self.first(data)))))


NETS = {
    "convolutional": (lambda: lively(networks.conv_net()), (1, 28, 28)),
    "three hidden layers": (
        lambda: lively(
            nn.Sequential(
                nn.Conv1d(2, 5, 3), lif(), nn.Flatten(), nn.Linear(30, 50), lif(),
                nn.Linear(50, 16), lif(), nn.Linear(16, 4), lif(output=True),
            )
        ),
        (2, 8),
    ),
    "no hidden layer": (lambda: nn.Sequential(nn.Linear(7, 2), lif(output=True)), (7,)),
    "one output": (lambda: nn.Sequential(nn.Linear(3, 1), lif(output=True)), (3,)),
    "a module": (lambda: lively(Loop()), (6,)),
    "a threshold for each": (
        lambda: nn.Sequential(
            nn.Linear(6, 3), Leaky(0.5, torch.tensor([0.5, 1, 2]), init_hidden=True, output=True)
        ),
        (6,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_every_step_shows_what_the_network_did(name: str) -> None:
    make, shape = NETS[name]
    torch.manual_seed(1)
    net, image = make().eval(), torch.rand(1, *shape) * 2
    record = record_spikes(net, STEPS, image)
    with torch.no_grad():
        spk_rec, mem_rec = forward_pass(net, STEPS, image)
    hidden = [spikes for key, spikes in record.items() if not torch.equal(spikes, spk_rec)]
    assert len(hidden) == len(record) - 1
    explorer = spike_player(net.train(), image, STEPS)  # which drops nothing all the same
    assert [position["step"] for position in explorer.grid()] == list(range(STEPS))
    for position in explorer.grid():
        now, step = explorer.compute(**position), position["step"]
        assert len(now.maps) == len(hidden)
        for maps, spikes in zip(now.maps, hidden, strict=True):
            assert np.array_equal(maps, spikes[step, 0].numpy())
        past = spk_rec[: step + 1]
        assert np.array_equal(now.spikes, past[:, 0].numpy())
        assert np.array_equal(now.membranes, mem_rec[: step + 1, 0].numpy())
        assert np.array_equal(now.counts, past[:, 0].cumsum(0).numpy())
        assert now.leader == SF.predict_rate(past)
        explorer.figure(step=step)  # can be drawn
        assert f"Step {step} of 0 to {STEPS - 1}." in explorer.describe(now)
    assert now.recording.prediction == SF.predict_rate(spk_rec)
    decided = SF.decision_step(spk_rec) - 1 if now.recording.prediction >= 0 else -1
    assert now.recording.decision == decided


def test_the_threshold_is_shown_where_it_is_one_number() -> None:
    make, shape = NETS["a threshold for each"]
    assert _recording.record(make(), torch.ones(1, *shape), 3).threshold is None
    make, shape = NETS["no hidden layer"]
    assert _recording.record(make(), torch.ones(1, *shape), 3).threshold == 1


@pytest.mark.parametrize("step", [0, 5, STEPS - 1])
def test_the_artists_hold_the_data(net: nn.Module, image: Tensor, step: int) -> None:
    explorer = spike_player(net, image, STEPS, target=3)
    now = explorer.compute(step=step)
    figure = explorer.figure(step=step)
    found = {a.get_gid(): a for a in figure.findobj() if a.get_gid()}
    assert np.array_equal(found["input"].get_array(), image[0, 0])
    for i, maps in enumerate(now.maps):
        shown = found[f"layer-{i}"].get_array()
        assert np.ma.allequal(shown, np.ma.masked_invalid(_recording.tiled(maps)))
        assert found[f"layer-{i}-count"].get_text() == f"{maps.sum():,} of {maps.size:,} fire"
    marks = map(tuple, found["raster"].get_offsets())
    assert sorted(marks) == sorted(map(tuple, np.argwhere(now.spikes)))
    for neuron in range(10):
        membrane, count = found[f"membrane-{neuron}"], found[f"count-{neuron}"]
        assert np.array_equal(membrane.get_ydata(), now.membranes[:, neuron])
        assert np.array_equal(count.get_ydata(), now.counts[:, neuron])
    for i in range(3):
        cursor = found[f"cursor-{i}"]
        assert cursor.get_x() + cursor.get_width() / 2 == step
    assert found["decision"].xy[0] == now.recording.decision
    assert found["verdict"].get_text() == view.verdict(now.recording)
    assert found["standing"].get_text() == view.standing(now)


def test_the_description_has_the_numbers(net: nn.Module, image: Tensor) -> None:
    explorer = spike_player(net, image, STEPS, target=3)
    for position in explorer.grid():
        now = explorer.compute(**position)
        text = explorer.describe(now)
        for i, (maps, layer) in enumerate(zip(now.maps, (12, 64), strict=True), start=1):
            assert f"Layer {i}, {layer} maps: {maps.sum():,} of {maps.size:,} neurons fire." in text
        said = re.search(r"Spikes so far, by class: (.*?)\. ", text)[1]
        told = {int(c): int(n) for c, n in re.findall(r"(\d+): (\d+)", said)}
        assert told == {c: n for c, n in enumerate(now.counts[-1]) if n}
        highest = now.membranes[-1].argmax()
        assert f"Highest membrane: {highest} at {now.membranes[-1, highest]:.2f}." in text
        assert view.verdict(now.recording) in text and view.standing(now) in text


@st.composite
def recordings(draw: st.DrawFn) -> _recording.Recording:
    """Runs made up of random spikes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    steps, classes = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rate = draw(st.sampled_from([0, 0.2, 0.8, 1]))
    spikes = (rng.random((steps, classes)) < rate).astype(np.uint8)
    record = torch.tensor(spikes[:, None], dtype=torch.float32)
    return _recording.Recording(
        image=np.zeros((2, 2)),
        layers=(),
        spikes=spikes,
        membranes=rng.normal(size=(steps, classes)),
        threshold=1.0,
        prediction=int(SF.predict_rate(record)),
        decision=max(int(SF.decision_step(record)) - 1, -1),
        target=draw(st.sampled_from([None, 0])),
        labels=tuple(f"c{i}" for i in range(classes)),
    )


@given(recordings())
def test_verdict_and_standing(recording: _recording.Recording) -> None:
    said = view.verdict(recording)
    assert ("No decision" in said) == (recording.prediction < 0)
    assert ("silence" in said) == (not recording.spikes.any())
    assert ("level counts" in said) == (recording.prediction < 0 and recording.spikes.any())
    if recording.prediction >= 0:
        assert f"Answer c{recording.prediction}" in said
        assert f"decided at step {recording.decision}" in said
        known = recording.target is not None
        assert ("right" in said) == (known and recording.prediction == recording.target)
        assert ("wrong" in said) == (known and recording.prediction != recording.target)
    last = moment(recording, recording.num_steps - 1)
    assert last.leader == recording.prediction == (recording.ranking[0] if last.leader >= 0 else -1)
    for step in range(recording.num_steps):
        now = moment(recording, step)
        if step >= recording.decision >= 0:
            assert now.leader == recording.prediction
        if step == recording.decision - 1:
            assert now.leader != recording.prediction
        told = view.standing(now)
        counts = sorted(now.counts[-1].tolist(), reverse=True) + [0]
        if now.leader >= 0:
            assert told == f"Step {step}: c{now.leader} leads by {counts[0]} to {counts[1]} spikes"
        else:
            assert ("level at" in told) == (counts[0] > 0) == ("no output" not in told)


@pytest.mark.parametrize("depth", [0.6, 0.0, -40.0])
def test_a_deep_membrane_does_not_flatten_those_of_the_first_two(depth: float) -> None:
    membranes = np.array([[2.0, 0.8, depth], [3.0, 1.4, depth]])
    recording = _recording.Recording(
        image=np.zeros((2, 2)), layers=(), spikes=(membranes > 1).astype(np.uint8),
        membranes=membranes, threshold=1.0, prediction=0, decision=0,
        target=None, labels=("a", "b", "c"),
    )  # fmt: skip
    figure = Figure(figsize=view.size(recording))
    view.draw(figure, moment(recording, 1))
    (ax,) = (ax for ax in figure.axes if any(x.get_gid() == "membrane-0" for x in ax.lines))
    low, high = ax.get_ylim()
    assert -2 < low < 0.8 and 3.0 < high < 5
    assert any(text.get_text() == "some lie lower" for text in ax.texts) == (depth < low)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple), st.integers(0, 2**31)
)
def test_tiles_keep_every_neuron_in_its_map(shape: tuple[int, ...], seed: int) -> None:
    maps = np.random.default_rng(seed).random(shape)
    picture = _recording.tiled(maps)
    shown = picture[~np.isnan(picture)]
    assert sorted(shown) == sorted(maps.ravel())
    if len(shape) == 3:
        places = [np.argwhere(np.isin(picture, one)) for one in maps]
        for one, place in zip(maps, places, strict=True):
            (top, left), (bottom, right) = place.min(0), place.max(0)
            assert np.array_equal(picture[top : bottom + 1, left : right + 1], one)
            assert np.isnan(picture[top : bottom + 1, right + 1 : right + 2]).all()  # a gap
            assert np.isnan(picture[bottom + 1 : bottom + 2, left : right + 1]).all()


def test_the_network_is_left_as_it_was(image: Tensor) -> None:
    net = lively(networks.conv_net())
    net.train()
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    spike_player(net, image, 4)
    assert net.training and not net[2].training and net[5].training
    assert all(layer.mem.ndim == 0 for layer in net.modules() if isinstance(layer, Leaky))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())


def test_long_runs_get_fewer_positions_on_a_page(image: Tensor) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 3), lif(output=True))
    for steps in (1, 119, 120, 121, 250):
        (time,) = spike_player(net, image, steps).controls
        assert time.options == tuple(range(steps)) and time.start == steps - 1
        assert len(time.page_options) <= 120 and steps - 1 in time.page_options


def test_names_of_classes(net: nn.Module, image: Tensor) -> None:
    names = [f"number {i}" for i in range(10)]
    explorer = spike_player(net, image, STEPS, labels=names)
    assert "number" in explorer.describe(explorer.compute(step=STEPS - 1))
    ticks = [tick.get_text() for ax in explorer.figure().axes for tick in ax.get_yticklabels()]
    assert set(names) <= set(ticks)


class Currents(nn.Module):
    """No spikes: the membrane twice."""

    def __init__(self) -> None:
        super().__init__()
        self.lif = Leaky(0.5, init_hidden=True, output=True)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        _, mem = self.lif(data.flatten(1)[:, :3] + 0.25)
        return mem, mem


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"net": "net"}, TypeError, "net must be an nn.Module"),
        ({"net": nn.Linear(2, 2)}, ValueError, r"no tutorial_lib\.Leaky"),
        ({"net": Currents()}, ValueError, "spikes 0 or 1"),
        ({"image": np.zeros((1, 1, 28, 28))}, TypeError, "must be a tensor"),
        ({"image": torch.zeros(1, 1, 28, 28, dtype=torch.uint8)}, TypeError, "floating-point"),
        ({"image": torch.zeros(28)}, ValueError, "batch of one"),
        ({"image": torch.zeros(2, 1, 28, 28)}, ValueError, r"images\[i : i \+ 1\]"),
        ({"image": torch.full((1, 1, 28, 28), math.nan)}, ValueError, "NaN"),
        ({"num_steps": 0}, ValueError, "at least 1"),
        ({"num_steps": 2.0}, TypeError, "integer"),
        ({"target": 10}, ValueError, "between 0 and 9"),
        ({"target": -1}, ValueError, "between 0 and 9"),
        ({"target": "3"}, TypeError, "class number"),
        ({"target": torch.tensor([1, 2])}, TypeError, "class number"),
        ({"labels": ["a", "b"]}, ValueError, "10 names"),
        ({"labels": "0123456789"}, ValueError, "10 names"),
    ],
)
def test_bad_input(
    net: nn.Module, image: Tensor, change: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        spike_player(**{"net": net, "image": image, "num_steps": 3, **change})


def test_a_page_weighs_at_most_ten_kilobytes_a_step(net: nn.Module, image: Tensor) -> None:
    """Twelve and 64 maps, as in notebook 04, but in a network that is busier."""
    explorer = spike_player(net, image, STEPS, target=3)
    page = explorer.html()
    assert explorer.play == "step" and "Play</button>" in page
    assert len(page.encode()) < 10_000 * STEPS + 20_000
    assert page.count("data-part") > 3
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
