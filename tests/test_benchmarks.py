"""The benchmark compares like with like, and computes what it says. Nothing here is timed."""

from __future__ import annotations

import json
import statistics
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks import contenders, measure, quality, report, speed
from tutorial_lib import fast

SPIKING = [name for name in contenders.MAKERS if name != "floor"]
STEPS, BATCH = 10, 3

needs_spikingjelly = pytest.mark.skipif(
    find_spec("spikingjelly") is None, reason="SpikingJelly is not installed; `make bench` does so"
)


def marked(names: list[str]) -> list[Any]:
    jelly = "SpikingJelly"
    return [pytest.param(n, marks=needs_spikingjelly if n == jelly else ()) for n in names]


def spikes(name: str, data: Tensor) -> Tensor:
    contender = contenders.make(name)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, contender.autocast is not None):
        return contender.run(data, STEPS).float()


def moved(name: str) -> list[Tensor]:
    """The weights after one training step."""
    contender = contenders.make(name)
    contender.train(*contenders.batch(BATCH), STEPS)
    return [p.detach() for p in contender.net.parameters()]


@pytest.mark.parametrize("name", marked([*contenders.MAKERS]))
def test_all_have_the_same_weights(name: str) -> None:
    ours, theirs = contenders.make("ours, step").net, contenders.make(name).net
    torch.manual_seed(1)
    again = contenders.make(name).net
    weights = [list(net.parameters()) for net in (ours, theirs, again)]
    assert [p.numel() for p in weights[0]] == [300, 12, 19_200, 64, 10_240, 10]
    for a, b, c in zip(*weights, strict=True):
        assert torch.equal(a, b) and torch.equal(b, c)


@pytest.mark.parametrize("name", ["ours, layer", "snnTorch"])
def test_equal_spikes_and_equal_steps_of_training(name: str) -> None:
    data, _ = contenders.batch(BATCH)
    expected = spikes("ours, step", data)
    assert expected.shape == (STEPS, BATCH, 10) and 5 < expected.sum() < 200
    assert torch.equal(spikes(name, data), expected)
    before = list(contenders.make(name).net.parameters())
    for a, b, start in zip(moved(name), moved("ours, step"), before, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)
        assert (b - start).abs().max() > 1e-3


def test_equal_spikes_and_steps_of_training_on_event_frames() -> None:
    data, targets = contenders.frame_batch(BATCH, 9)
    assert data.shape == (9, BATCH, 2, 34, 34) and (data.sum(dim=(1, 2, 3, 4)) > 0).all()
    theirs, ours, _ = (contenders.make(name) for name in contenders.FRAME_MAKERS)
    with torch.no_grad():
        expected = theirs.run(data, 9)
        assert torch.equal(ours.run(data, 9), expected)
    assert expected.shape == (9, BATCH, 10) and expected.sum() > 5
    for contender in (theirs, ours):
        contender.train(data, targets, 9)
    start = contenders.make([*contenders.FRAME_MAKERS][0]).net.parameters()
    for a, b, before in zip(theirs.net.parameters(), ours.net.parameters(), start, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=5e-4)  # Adam enlarges tiny differences
        assert (b - before).abs().max() > 5e-3


def test_the_row_of_event_frames(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interleaved(tasks: dict, rounds: int, device: str) -> dict[str, list[float]]:
        times = {"snnTorch": 6.0, "ours": 3.0, "floor": 2.0}
        return {name: [times[name.split(",")[0]]] * rounds for name in tasks}

    monkeypatch.setattr(measure, "interleaved", interleaved)
    monkeypatch.setattr(speed, "STREAMS", 2)
    monkeypatch.setattr(fast, "has_bf16_units", lambda: True)
    speed.main(["--events"])
    said = capsys.readouterr().out
    assert "2.00 times as fast, the floor 3.00 times" in said
    assert "both in bfloat16: 2.00 times as fast" in said
    monkeypatch.setattr(fast, "has_bf16_units", lambda: False)
    speed.main(["--events"])
    assert "bfloat16" not in capsys.readouterr().out


def test_both_contenders_on_event_frames_compute_in_bfloat16() -> None:
    assert [contenders.make(name).autocast for name in contenders.HALF_FRAME_MAKERS] == [
        torch.bfloat16, torch.bfloat16
    ]  # fmt: skip


def test_mixed_precision_is_near() -> None:
    data, _ = contenders.batch(BATCH)
    assert contenders.make("ours, bf16").autocast is torch.bfloat16
    assert (spikes("ours, bf16", data) != spikes("ours, layer", data)).float().mean() < 0.1


@needs_spikingjelly
def test_the_other_peer_fires_as_often() -> None:
    """It resets within the step, so its spikes differ; but it is as busy."""
    data, _ = contenders.batch(BATCH)
    found, expected = spikes("SpikingJelly", data), spikes("ours, step", data)
    assert found.shape == expected.shape
    assert float(found.mean()) == pytest.approx(float(expected.mean()), abs=0.2)


@pytest.mark.parametrize("name", marked(SPIKING))
def test_every_contender_learns_and_evaluates(name: str) -> None:
    contender, (data, targets) = contenders.make(name), contenders.batch(BATCH)
    before = [p.detach().clone() for p in contender.net.parameters()]
    contender.evaluate(data, targets, STEPS)
    assert all(p.grad is None for p in contender.net.parameters())
    assert all(map(torch.equal, before, contender.net.parameters()))
    contender.train(data, targets, STEPS)
    assert not any(map(torch.equal, before, contender.net.parameters()))


def test_the_floor_does_the_matrix_work_of_all_steps() -> None:
    """The first convolution once, without a gradient for the data; the others for each step."""
    contender, (data, targets) = contenders.make("floor"), contenders.batch(BATCH)
    seen = []
    for index in (0, 3, 7):
        contender.net[index].register_forward_hook(
            lambda layer, args, out: seen.append((tuple(args[0].shape), args[0].requires_grad))
        )
    contender.train(data, targets, STEPS)
    rows = STEPS * BATCH
    assert seen == [
        ((BATCH, 1, 28, 28), False), ((rows, 12, 12, 12), True), ((rows, 1024), True)
    ]  # fmt: skip
    assert all(p.grad is not None and p.grad.isfinite().all() for p in contender.net.parameters())
    seen.clear()
    contender.evaluate(data, targets, STEPS)
    assert [shape for shape, _ in seen] == [(BATCH, 1, 28, 28), (rows, 12, 12, 12), (rows, 1024)]


def test_the_floor_on_event_frames_convolves_every_frame() -> None:
    contender = contenders.make("floor, event frames")
    seen = []
    for index in (0, 3, 7):
        contender.net[index].register_forward_hook(
            lambda layer, args, out: seen.append((tuple(args[0].shape), args[0].requires_grad))
        )
    contender.train(*contenders.frame_batch(BATCH, 9), 9)
    rows = 9 * BATCH
    assert seen == [
        ((rows, 2, 34, 34), False), ((rows, 12, 15, 15), True), ((rows, 1600), True)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1500])
def test_a_batch_of_any_size(size: int) -> None:
    images, targets = contenders.batch(size)
    assert images.shape == (size, 1, 28, 28) and targets.shape == (size,)


# ---------------------------------------------------------------- arithmetic


def test_rounds_run_all_tasks_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    order: list[str] = []

    def task(name: str, seconds: float) -> None:
        order.append(name)
        clock[0] += seconds * len(order)

    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock[0])
    tasks = {"a": lambda: task("a", 1.0), "b": lambda: task("b", 0.5)}
    found = measure.interleaved(tasks, rounds=3)
    assert order == ["a", "b"] * 4
    assert found == {"a": [3.0, 5.0, 7.0], "b": [2.0, 3.0, 4.0]}  # without the warm-up


def test_on_a_gpu_tasks_run_in_a_row_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, order = [0.0], []

    def wait() -> None:
        clock[0] += 1.0
        order.append("wait")

    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(measure.torch.cuda, "synchronize", wait)
    found = measure.interleaved({"a": lambda: order.append("a")}, rounds=2, device="cuda")
    assert order == [*["a"] * 5, "wait"] * 3
    assert found == {"a": [0.2, 0.2]}


def test_without_a_gpu_a_run_on_one_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(speed, "speed", lambda *args: pytest.fail("too early"))
    with pytest.raises(SystemExit):
        speed.main(["--device", "cuda"])
    assert "needs a GPU" in capsys.readouterr().err


def test_the_contenders_of_a_gpu_are_recorded_ones_too() -> None:
    names = contenders.names("cuda")
    assert names[: len(contenders.MAKERS)] == contenders.names("cpu") == [*contenders.MAKERS]
    assert len(names) == len(contenders.MAKERS) + 2
    data, _ = contenders.batch(BATCH)
    expected = contenders.make("ours, layer").run(data, STEPS)
    for name in names[-2:]:  # here they run as forward_pass does
        contender = contenders.make(name)
        assert (contender.autocast is torch.bfloat16) == ("bf16" in name)
        assert torch.equal(contender.run(data, STEPS), expected)


def test_rounds_of_several_processes_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: contenders.MAKERS[name] for name in ("ours, layer", "floor")}
    asked = []

    def process(*arguments: object) -> dict[str, dict[str, list[float]]]:
        asked.append(arguments)
        found = [float(len(asked)), float(len(asked))]
        return {mode: dict.fromkeys(kept, found) for mode in ("train", "evaluate")}

    monkeypatch.setattr(measure, "_in_a_process", process)
    found = measure.everyone_in_processes(2, 2, BATCH, STEPS)
    assert asked == [("everyone", 2, BATCH, STEPS)] * 2
    expected = dict.fromkeys(kept, [1.0, 1.0, 2.0, 2.0])
    assert found == {"train": expected, "evaluate": expected}


def test_a_process_measures_every_contender() -> None:
    """The real thing, but for the peer that is installed on demand."""
    if find_spec("spikingjelly") is None:
        pytest.skip("SpikingJelly is not installed; `make bench` does so")
    found = measure.everyone_in_processes(1, 2, BATCH, 2)
    assert found.keys() == {"train", "evaluate"}
    for seconds in found.values():
        assert seconds.keys() == contenders.MAKERS.keys()
        assert all(len(times) == 2 and min(times) > 0 for times in seconds.values())


@given(st.lists(st.tuples(*[st.floats(0.1, 10)] * 2), min_size=1, max_size=9), st.floats(0.1, 9))
def test_ratios_are_paired(pairs: list[tuple[float, float]], load: float) -> None:
    """The median of the ratios; what slows a whole round down does not matter."""
    slow, fast = map(list, zip(*pairs, strict=True))
    seconds = {"slow": slow, "fast": fast}
    expected = statistics.median(a / b for a, b in pairs)
    assert measure.ratio(seconds, "slow", "fast") == pytest.approx(expected)
    assert measure.ratio(seconds, "slow", "slow") == 1
    loaded = {name: [values[0] * load, *values[1:]] for name, values in seconds.items()}
    assert measure.ratio(loaded, "slow", "fast") == pytest.approx(expected)


def test_a_ratio_above_one_means_faster() -> None:
    seconds = {"slow": [4.0, 6.0, 100.0], "fast": [2.0, 2.0, 1.0]}
    assert measure.ratio(seconds, "slow", "fast") == 3


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each contender takes a fixed time: snnTorch 6 (evaluating 3), the floor 2 (1), others 3."""

    def interleaved(tasks: dict, rounds: int, device: str) -> dict[str, list[float]]:
        training = len(calls) % 2 == 0
        calls.append(tasks)
        times = {"snnTorch": 6.0, "floor": 2.0} if training else {"snnTorch": 3.0, "floor": 1.0}
        return {name: [times.get(name, 3.0)] * rounds for name in tasks}

    calls: list[dict] = []
    monkeypatch.setattr(measure, "interleaved", interleaved)
    monkeypatch.setattr(measure, "commit", lambda: "0123abc")
    versions = {"versions": {"torch": "1"}, "python": "3", "threads": 2, "cores": 2}
    monkeypatch.setattr(measure, "machine", lambda device: {**versions, "processor": "a processor"})
    kept = {name: make for name, make in contenders.MAKERS.items() if name != "SpikingJelly"}
    monkeypatch.setattr(contenders, "MAKERS", kept)


@pytest.mark.usefixtures("fake_clock")
def test_the_first_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "sub" / "speed.json"
    speed.main(["--quick", "--output", str(output)])
    found = json.loads(output.read_text())
    row = found["speed"]["ours, layer"]
    assert (row["train_seconds"], row["evaluate_seconds"]) == (3, 3)
    assert row["train_over_snntorch"] == 2
    assert row["train_time_over_floor"] == 1.5
    assert row["evaluate_over_snntorch"] == 1
    assert found["speed"]["snnTorch"]["train_over_snntorch"] == 1
    assert found["speed"]["floor"]["train_over_snntorch"] == 3
    head = [found[key] for key in ("commit", "seed", "batch", "steps")]
    assert head == ["0123abc", 0, 128, 50]
    text = output.with_suffix(".md").read_text()
    assert "| ours, layer | 2.00 | 1.50 | 1.00 |" in text
    assert "Peak memory" not in text
    assert "a processor" in text and "0123abc" in text
    assert "ours, layer" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_clock")
def test_a_quick_run_does_not_replace_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "speed.json"
    results.write_text("measured")
    monkeypatch.setattr(speed, "RESULTS", results)
    speed.main(["--quick"])
    assert results.read_text() == "measured" and len(list(tmp_path.iterdir())) == 1


def test_all_tables_of_a_whole_run(tmp_path: Path) -> None:
    row = {"train_over_snntorch": 2, "train_time_over_floor": 1.1, "evaluate_over_snntorch": 3}
    growth = [
        {"batch": 128, "steps": t, "ours": t / 10, "snntorch": t / 4, "ratio": 2.5}
        for t in (10, 20)
    ]
    found = {
        "command": "make bench", "commit": "0123abc", "seed": 0, "batch": 128, "steps": 50,
        "machine": {"versions": {"torch": "1"}, "threads": 2, "processor": "p", "python": "3"},
        "speed": {"ours, layer": row},
        "memory": {"ours, layer": {"train": 100.4, "evaluate": 50.6}, "long": {"train": 7.0}},
        "events": {
            "batch": 64, "steps": 15, "ratio": 2.25, "floor_ratio": 2.75,
            "bf16_ratio": 1.5, "seconds_per_10000_streams": 41.6,
        },
        "over_steps": growth,
        "over_batch": growth,
        "to_quality": {
            "goal": 0.9874, "runs": 5, "reached": 4, "precision": "bf16",
            "rows": {
                "theirs": {"iterations": 7293, "minutes": 150.25, "ratio": 1.0},
                "the course's": {"iterations": 1930.5, "minutes": 4.04, "ratio": 37.19},
            },
        },
    }  # fmt: skip
    path = tmp_path / "speed.md"
    report.write(found, path)
    text = path.read_text()
    assert "| ours, layer | 100 | 51 |" in text and "| long | 7 |  |" in text
    assert text.count("| 128 | 20 | 2.0 | 5.0 | 2.50 |") == 2
    assert "| the course's | 1,930 | 4.0 | 37.2 |" in text
    assert "Until 98.74% of the validation images" in text and "4 of 5 runs" in text
    assert "2.25 times as fast as snnTorch's loop, the floor 2.75 times. Both in" in text
    assert "Both in bfloat16: 1.50 times. 10,000 streams are made in 42 s" in text
    assert "on 2 threads of p; Python 3" in text and "keeps freed memory" in text
    found["machine"]["gpu"] = "a GPU"
    report.write(found, path)
    text = path.read_text()
    assert "on one a GPU, with 2 threads of p" in text and "keeps freed memory" not in text


def test_time_to_quality_counts_epochs_and_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    # [runs, epochs, images]: the long run is best, three of four, after its third epoch.
    long = np.array([[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 1]]], bool)
    best = np.array(
        [[[1, 1, 1, 0], [1, 1, 1, 1]], [[0, 0, 0, 0], [1, 1, 1, 1]], [[0] * 4] * 2], bool
    )
    found = {"tutorial6-20": SimpleNamespace(val=long), "best": SimpleNamespace(val=best)}
    monkeypatch.setattr(quality.accuracy, "runs", found.__getitem__)
    seconds = {quality.SNNTORCH: 4.0, quality.SAME: 2.0, quality.BEST: 5.0}  # ten updates
    monkeypatch.setattr(
        quality.measure, "interleaved",
        lambda works, rounds, device: {name: [seconds[name]] * rounds for name in works},
    )  # fmt: skip
    monkeypatch.setattr(quality.contenders, "make", lambda name, device: None)
    result = quality.time_to_quality("cpu")
    rows = result["rows"]
    assert result["goal"] == 0.75 and (result["reached"], result["runs"]) == (2, 3)
    assert rows[quality.SNNTORCH]["iterations"] == rows[quality.SAME]["iterations"] == 3 * 429
    assert rows[quality.BEST]["iterations"] == 1.5 * 429
    assert rows[quality.SNNTORCH]["minutes"] == pytest.approx(3 * 429 * 4 / 60)
    assert rows[quality.SAME]["ratio"] == pytest.approx(2)
    assert rows[quality.BEST]["ratio"] == pytest.approx(2 * 8)
    monkeypatch.setattr(
        quality.accuracy, "runs", {**found, "best": SimpleNamespace(val=best[2:])}.__getitem__
    )
    with pytest.raises(ValueError, match="reaches 75.00% of the validation"):
        quality.time_to_quality("cpu")


def test_memory_is_that_of_a_process_of_its_own() -> None:
    """The imports, some hundred MiB, do not count; nor does what the calling process holds."""
    ballast = torch.ones(2**27)  # 512 MiB
    found = measure.peak_memory("ours, step", "train", 8, 60)
    assert ballast[-1] == 1 and 20 < found < 150
