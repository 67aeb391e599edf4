"""A valid call of everything public, from which ``odd_calls`` makes odd ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import tutorial_lib
from course_kit import exercises, explorers, figures
from tests.helpers import adam, small_dataset, small_net
from tests.odd_calls import Call
from tutorial_lib import (
    Leaky,
    data,
    encoding,
    events,
    fast,
    functional,
    initialization,
    networks,
    plotting,
    simulation,
    surrogate,
    training,
    utils,
)
from tutorial_lib.functional import LOSSES
from tutorial_lib.training import recipes

STEPS, BATCH, CLASSES = 5, 4, 3
SF = "tutorial_lib.functional"
# The package has functions of these names.
gradient, losses, neuron, rates, schedules, start, surrogates = (
    import_module(f"course_kit.explorers.{name}")
    for name in ("gradient", "losses", "neuron", "rates", "schedules", "start", "surrogates")
)


def record() -> Tensor:
    return (torch.rand(STEPS, BATCH, CLASSES) > 0.5).float()


def membranes() -> Tensor:
    return torch.randn(STEPS, BATCH, CLASSES)


def targets() -> Tensor:
    return torch.arange(BATCH) % CLASSES


def batch() -> Tensor:
    return 2 * torch.rand(BATCH, 6)


def images() -> Tensor:
    return torch.rand(BATCH, 2, 3)


def loader() -> DataLoader:
    return DataLoader(small_dataset(9), batch_size=4)


def axes(count: int = 1) -> list[Axes]:
    return list(Figure().subplots(1, count, squeeze=False)[0])


def digits() -> data.Digits:
    split = TensorDataset(torch.rand(6, 1, 28, 28), torch.arange(6))
    return data.Digits(split, split, split, "digits", "For a test.")


def stream() -> np.ndarray:
    made = np.zeros(40, events.DTYPE)
    made["x"], made["y"], made["t"] = np.arange(40) % 34, np.arange(40) % 7, np.arange(40) * 9
    made["p"] = np.arange(40) % 3 == 0
    return made


# What results have to be.


def streams_of(given: dict[str, Any], result: Any) -> bool:
    """Lists of streams that a sensor of any size may have sent."""
    return all(len(events.checked(x, (2**15 - 1, 2**15 - 1, 2)).shape) == 1 for x in result)


def frames_of(given: dict[str, Any], result: Any) -> bool:
    frames = np.stack(result) if isinstance(result, list) else result
    return frames.shape[1:] == (2, 34, 34) and 0 <= frames.sum() <= len(given["events"])


def spikes_of(given: dict[str, Any], result: Any) -> bool:
    return bool(((result == 0) | (result == 1)).all())


def shares(given: dict[str, Any], result: Any) -> bool:
    return isinstance(result, np.float64) and 0 <= result <= 1


def like_input(given: dict[str, Any], result: Any) -> bool:
    (x,) = given.values()
    return result.shape == x.shape and result.dtype == x.dtype


def run_over_time(given: dict[str, Any], result: Any) -> bool:
    spk_rec, mem_rec = result
    steps = given.get("num_steps", STEPS)
    return spk_rec.shape == mem_rec.shape and len(spk_rec) == steps and spikes_of({}, spk_rec)


def loss_value(given: dict[str, Any], result: Any) -> bool:
    return isinstance(result, Tensor) and result.ndim == 0 and result.item() >= 0


def coded(given: dict[str, Any], result: Any) -> bool:
    source = given.get("images", given.get("data"))
    shape = (given["num_steps"], *source.shape) if "num_steps" in given else source.shape
    return spikes_of({}, result) and result.shape == shape and result.dtype == source.dtype


def drawable(given: dict[str, Any], result: Any) -> bool:
    """What was drawn can be shown."""
    part = result[0] if isinstance(result, tuple) else result
    part = np.ravel(part)[0] if isinstance(part, np.ndarray) else part
    figure = part._fig if isinstance(part, FuncAnimation) else part.figure
    figure.canvas.draw_idle()
    return not isinstance(part, FuncAnimation) or part.pause() is None


def verdict(given: dict[str, Any], result: Any) -> bool:
    return result.status in ("passed", "failed", "untouched") and len(result.message) > 10


def shown(given: dict[str, Any], result: Any) -> bool:
    return len(repr(result)) > 10


Maker = Callable[[], Call]


def call(function: Callable[..., Any], /, *good: Any, **arguments: Any) -> Maker:
    """Make a call of a function. An argument that is a function makes the argument."""

    def make() -> Call:
        made = {
            name: value() if isinstance(value, FunctionType) else value
            for name, value in arguments.items()
        }
        return Call(function, made, *good)

    return make


def method(owner: Callable[[], Any], name: str, /, *good: Any, **arguments: Any) -> Maker:
    return lambda: call(getattr(owner(), name), *good, **arguments)()


def refused(maker: Maker) -> Maker:
    """Of an object that cannot do it, whatever it is given."""
    return lambda: maker()._replace(refuses=True)


def surrogates_calls() -> dict[str, Maker]:
    made: dict[str, Maker] = {}
    own = {
        "from_derivative": lambda: surrogate.from_derivative(lambda x: torch.exp(-x.abs())),
        "from_primitive": lambda: surrogate.from_primitive(torch.sigmoid),
        "Surrogate": surrogate.Surrogate,
    }
    for name in [*surrogate.SURROGATES, *own]:
        kind = getattr(surrogate, name)
        owner = own.get(name, kind)
        full = f"tutorial_lib.surrogate.{name}"
        if name.startswith("from_"):
            made[full] = call(kind, function=lambda: torch.sigmoid)
        elif name in surrogate.SURROGATES:
            made[full] = call(kind)
        else:
            made[full] = call(kind)
        x = lambda: torch.linspace(-1, 1, 12).view(3, 4)  # noqa: E731
        made[f"{full}.__call__"] = method(owner, "__call__", like_input, True, overdrive=x)
        made[f"{full}.derivative"] = method(owner, "derivative", like_input, True, x=x)
        made[f"{full}.primitive"] = method(owner, "primitive", like_input, True, x=x)
        for part, kinds in (("derivative", ("Surrogate",)), ("primitive", tuple(own))):
            if name in kinds and name != f"from_{part}":
                made[f"{full}.{part}"] = refused(made[f"{full}.{part}"])
        made[f"{full}.with_slope"] = call(kind.with_slope, slope=5.0)
    return made


def losses_calls() -> dict[str, Maker]:
    made: dict[str, Maker] = {}
    for name, kind in {**LOSSES, "Loss": functional.Loss}.items():
        full = f"tutorial_lib.functional.{name}"
        rec = record if kind.reads == "spikes" else membranes
        first = "spk_rec" if "temporal" in name else "spk_out"
        made[full] = call(kind)
        made[f"{full}.__call__"] = method(
            kind, "__call__", loss_value, **{first: rec, "targets": targets}
        )
    made[f"{SF}.Loss.__call__"] = refused(made[f"{SF}.Loss.__call__"])
    return made


VALID: dict[str, Maker] = {
    "tutorial_lib.Leaky": call(Leaky, beta=0.9),
    "tutorial_lib.Leaky.forward": method(
        lambda: Leaky(0.9), "forward",
        lambda given, out: spikes_of({}, out[0]) and out[1].shape == given["input_"].shape,
        True, input_=batch, mem=lambda: torch.rand(BATCH, 6),
    ),
    "tutorial_lib.lif_step": call(
        tutorial_lib.lif_step,
        lambda given, out: ("spike_grad" in given or spikes_of({}, out[0]))
        and out[1].shape == given["cur"].shape,
        True, cur=batch, mem=lambda: torch.rand(BATCH, 6), beta=0.9,
    ),
    "tutorial_lib.data.enlarged": call(
        data.enlarged, lambda given, out: out.shape[1:] == (1, 28, 28) and 0 <= out.min(),
        small=lambda: torch.rand(2, 1, 8, 8),
    ),
    "tutorial_lib.data.load": call(
        data.load, lambda given, out: len(out.train) + len(out.val) + len(out.test) == 1797,
        source="digits", verbose=False,
    ),
    "tutorial_lib.data.loaders": call(
        data.loaders, lambda given, out: sum(len(y) for _, y in out.train) == 6,
        digits=digits, batch_size=4,
    ),
    "tutorial_lib.data.subset": call(
        data.subset, lambda given, out: len(out) == given["n"],
        dataset=lambda: small_dataset(9), n=4, seed=0,
    ),
    "tutorial_lib.data.recordings": call(
        data.recordings,
        lambda given, out: streams_of({}, out.streams) and len(out.targets) == given["n"],
        n=4, source="synthetic", verbose=False,
    ),
    "tutorial_lib.events.camera": call(
        events.camera, streams_of, film=lambda: 0.1 + torch.rand(STEPS, BATCH, 3, 4),
        times=lambda: list(range(0, 100 * STEPS, 100)),
    ),
    "tutorial_lib.events.checked": call(
        events.checked, lambda given, out: out is given["events"], events=stream
    ),
    "tutorial_lib.events.saccades": call(
        events.saccades, streams_of, images=lambda: torch.rand(2, 1, 28, 28)
    ),
    "tutorial_lib.events.ToFrame": call(
        events.ToFrame, sensor_size=events.SENSOR_SIZE, time_window=100
    ),
    "tutorial_lib.events.ToFrame.__call__": method(
        lambda: events.ToFrame(events.SENSOR_SIZE, n_time_bins=5), "__call__", frames_of,
        events=stream,
    ),
    "tutorial_lib.events.ToFrame.frames": method(
        lambda: events.ToFrame(events.SENSOR_SIZE, event_count=8), "frames", frames_of,
        events=stream,
    ),
    "tutorial_lib.encoding.latency_encode": call(
        encoding.latency_encode, coded, images=images, num_steps=5
    ),
    "tutorial_lib.encoding.rate_encode": call(
        encoding.rate_encode, coded, images=images, num_steps=5
    ),
    "tutorial_lib.encoding.rate_conv": call(encoding.rate_conv, coded, data=images),
    "tutorial_lib.fast.CudaGraph": call(
        fast.CudaGraph, simulation=lambda: simulation.Simulation(small_net(), STEPS)
    ),
    "tutorial_lib.fast.CudaGraph.__call__": method(
        lambda: fast.CudaGraph(simulation.Simulation(small_net(), STEPS)), "__call__",
        run_over_time, data=batch,
    ),
    "tutorial_lib.fast.plan": call(fast.plan, net=small_net, schedule="auto", time_varying=False),
    f"{SF}.accuracy_rate": call(functional.accuracy_rate, shares, spk_out=record, targets=targets),
    f"{SF}.accuracy_temporal": call(
        functional.accuracy_temporal, shares, spk_out=record, targets=targets
    ),
    f"{SF}.decision_rate": call(functional.decision_rate, shares, spk_rec=record),
    f"{SF}.decision_step": call(
        functional.decision_step,
        lambda given, out: out.shape == given["spk_rec"].shape[1:2] and out.min() >= -1
        and out.max() <= len(given["spk_rec"]),
        spk_rec=record,
    ),
    f"{SF}.predict_rate": call(
        functional.predict_rate,
        lambda given, out: out.shape == given["spk_rec"].shape[1:2] and out.min() >= -1
        and out.max() < given["spk_rec"].shape[2],
        spk_rec=record,
    ),
    f"{SF}.population_spikes": call(
        functional.population_spikes,
        lambda given, out: out.shape[2] == given["num_classes"],
        spk_rec=lambda: (torch.rand(STEPS, BATCH, 6) > 0.5).float(), num_classes=3,
    ),
    f"{SF}.l1_rate_sparsity": call(functional.l1_rate_sparsity),
    f"{SF}.l1_rate_sparsity.__call__": method(
        functional.l1_rate_sparsity, "__call__", loss_value, spk_out=record
    ),
    f"{SF}.first_spike_time": call(
        functional.first_spike_time,
        lambda given, out: out.shape == given["spk_rec"].shape[1:] and out.min() >= 0,
        spk_rec=record,
    ),
    "tutorial_lib.initialization.membrane_statistics": call(
        initialization.membrane_statistics,
        lambda given, out: out[0].shape == out[1].shape and bool((out[1] >= 0).all()),
        layer=lambda: nn.Linear(6, 3), rates=lambda: torch.rand(BATCH, 6), beta=0.9,
    ),
    "tutorial_lib.initialization.scale_to_threshold": call(
        initialization.scale_to_threshold,
        lambda given, out: all(factor > 0 for factor in out.values()),
        net=small_net, num_steps=STEPS, data=batch, xi=1.0,
    ),
    "tutorial_lib.initialization.silence_ledger": call(
        initialization.silence_ledger,
        lambda given, out: all(0 <= row.measured <= 1 for row in out.rows),
        net=small_net, num_steps=STEPS, data=batch, targets=targets,
        loss_fn=lambda: functional.ce_rate_loss(),
    ),
    "tutorial_lib.networks.conv_net": call(networks.conv_net),
    "tutorial_lib.plotting.animator": call(
        plotting.animator, drawable, data=lambda: torch.rand(STEPS, 3, 4)
    ),
    "course_kit.figures.confusion_matrix": call(
        figures.confusion_matrix, drawable, targets=targets, predictions=targets, num_classes=3,
    ),
    "course_kit.figures.describe": call(
        figures.describe, lambda given, out: len(out) > 10, fig=lambda: axes()[0].figure
    ),
    "tutorial_lib.plotting.feature_maps": call(
        plotting.feature_maps, drawable, spk=lambda: (torch.rand(STEPS, 2, 3, 4) > 0.5).float(),
        axes=lambda: axes(2),
    ),
    "tutorial_lib.plotting.raster": call(
        plotting.raster, drawable, data=lambda: record()[:, 0], ax=lambda: axes()[0]
    ),
    "course_kit.figures.show": call(
        figures.show, about="A figure.", fig=lambda: axes()[0].figure
    ),
    "tutorial_lib.plotting.spike_count": call(
        plotting.spike_count, drawable, data=lambda: record()[:, 0], ax=lambda: axes()[0]
    ),
    "course_kit.figures.surrogate_curves": call(
        figures.surrogate_curves, drawable, surrogates=lambda: {"atan": surrogate.atan()}
    ),
    "course_kit.figures.to_html": call(
        figures.to_html, lambda given, out: "<img" in out.data,
        anim=lambda: plotting.animator(torch.rand(2, 3, 4)), dpi=20,
    ),
    "tutorial_lib.plotting.trace": call(
        plotting.trace, drawable, mem=lambda: torch.rand(STEPS), spk=lambda: record()[:, 0, 0],
        threshold=1.0, ax=lambda: axes()[0],
    ),
    "tutorial_lib.plotting.traces": call(
        plotting.traces, drawable, data=lambda: torch.rand(STEPS, 2),
        spk=lambda: record()[:, 0, :2], fig=lambda: Figure(),
    ),
    "course_kit.figures.training_curves": call(
        figures.training_curves, drawable, loss_iterations=lambda: torch.arange(4),
        loss=lambda: torch.rand(4), accuracy_iterations=lambda: torch.arange(3),
        accuracy=lambda: torch.rand(3), floors=lambda: {"ln 10": math.log(10)}, chosen=2,
    ),
    "tutorial_lib.simulation.Simulation": call(
        simulation.Simulation, net=small_net, num_steps=STEPS
    ),
    "tutorial_lib.simulation.Simulation.forward": method(
        lambda: simulation.Simulation(small_net(), STEPS), "forward", run_over_time, data=batch
    ),
    "tutorial_lib.simulation.forward_pass": call(
        simulation.forward_pass, run_over_time, net=small_net, num_steps=STEPS, data=batch
    ),
    "tutorial_lib.simulation.record_spikes": call(
        simulation.record_spikes,
        lambda given, out: all(len(x) == given["num_steps"] for x in out.values()),
        net=small_net, num_steps=STEPS, data=batch,
    ),
    "tutorial_lib.training.History": call(training.History),
    "tutorial_lib.training.evaluate": call(
        training.evaluate,
        lambda given, out: 0 <= out.accuracy <= 1 and (out.loss is None or out.loss >= 0),
        net=small_net, loader=loader, num_steps=STEPS, loss_fn=lambda: functional.ce_rate_loss(),
    ),
    "tutorial_lib.training.train": lambda: _training(small_net()),
    "tutorial_lib.training.save_checkpoint": lambda: _saving(small_net()),
    "tutorial_lib.training.load_checkpoint": lambda: _loading(small_net()),
    "tutorial_lib.training.seed_everything": call(training.seed_everything, seed=1),
    "tutorial_lib.training.recipes.Recipe": call(
        recipes.Recipe,
        beta=0.5, slope=25.0, gain=2.0, loss="ce_count_loss", lr=1e-2, lr_schedule="steps",
        schedule_epochs=2, weight_decay=0.1, rotation=5.0, zoom=0.1, shift=1.0, batch_size=128,
        num_steps=50, precision="fp32",
    ),
    "tutorial_lib.training.recipes.Recipe.on": method(
        lambda: recipes.RECIPES["tutorial6"], "on", device=lambda: torch.device("cpu")
    ),
    "tutorial_lib.training.recipes.Recipe.optimizer": method(
        lambda: recipes.RECIPES["best"], "optimizer", net=small_net
    ),
    "tutorial_lib.training.recipes.Recipe.scheduler": method(
        lambda: recipes.RECIPES["best"],
        "scheduler",
        optimizer=lambda: torch.optim.AdamW(small_net().parameters()),
        num_iterations=10,
    ),
    "tutorial_lib.utils.detach": call(utils.detach, net=small_net),
    "tutorial_lib.utils.device_of": call(utils.device_of, net=small_net),
    "tutorial_lib.utils.mode": call(
        lambda net, *, training: utils.mode(net, training=training).__enter__(),
        net=small_net, training=True,
    ),
    "tutorial_lib.utils.reset": call(utils.reset, net=small_net),
    "course_kit.explorers.gradient": call(explorers.gradient, chain=False),
    "course_kit.explorers.draw_digit": call(
        explorers.draw_digit, shown, net=lambda: _images_net(), num_steps=3
    ),
    "course_kit.explorers.event_player": call(explorers.event_player, shown, events=stream),
    "course_kit.explorers.spike_player": call(
        explorers.spike_player, shown, net=small_net, image=lambda: 2 * torch.rand(1, 6),
        num_steps=STEPS, target=1,
    ),
    "course_kit.explorers.gradient.compute": call(
        gradient.compute, shown, slope=5, depth=2, weight=0.32
    ),
    "course_kit.explorers.losses.compute": call(
        losses.compute, shown, loss="ce_rate_loss", current=0.8, when="all 50 steps", rival=0.0
    ),
    "course_kit.explorers.neuron.compute": call(
        neuron.compute, shown, current="constant", level=0.3, beta=0.9, threshold=1.0,
        reset="subtract",
    ),
    "course_kit.explorers.rates.compute": call(
        rates.compute, shown, gain=1.0, threshold=1.0, beta=0.5
    ),
    "course_kit.explorers.schedules.compute": call(schedules.compute, shown, call=8),
    "course_kit.explorers.start.compute": call(start.compute, shown, gain=1.0, beta=0.5),
    "course_kit.explorers.surrogates.compute": call(
        surrogates.compute, shown, shape="atan", slope=5, threshold=1.0
    ),
    "course_kit.exercises.check": lambda: _checking(exercises.check, verdict),
    "course_kit.exercises.accepted": lambda: _checking(exercises.accepted),
    "course_kit.exercises.predict": call(exercises.predict, exercise_id="02-silent"),
    "course_kit.exercises.collected": call(exercises.collected, number="01"),
    **surrogates_calls(),
    **losses_calls(),
}  # fmt: skip


def _training(net: nn.Module) -> Call:
    arguments = {"net": net, "loader": loader(), "optimizer": adam(net), "num_steps": STEPS}
    arguments |= {"loss_fn": functional.ce_rate_loss(), "num_iterations": 1, "progress": False}
    return Call(training.train, arguments, lambda given, out: len(out.loss) == len(out.iterations))


def _saving(net: nn.Module) -> Call:
    arguments = {"path": Path("new.pt"), "net": net, "optimizer": adam(net)}
    arguments |= {"history": training.History(), "settings": {"beta": 0.8}, "overwrite": True}
    return Call(training.save_checkpoint, arguments, lambda given, out: out.is_file())


def _loading(net: nn.Module) -> Call:
    path = training.save_checkpoint("old.pt", net, adam(net), overwrite=True)
    return Call(training.load_checkpoint, {"path": path, "net": net, "optimizer": adam(net)})


def _images_net() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 10), Leaky(0.9, init_hidden=True, output=True)
    )


def _checking(function: Callable[..., Any], *good: Any) -> Call:
    every = exercises.collected()
    exercise = every[int(torch.randint(len(every), ()))]
    return Call(partial(function, exercise.id), {"answer": None}, *good)


MANY = 110
FEW = {
    "tutorial_lib.data.load": 40,
    "tutorial_lib.data.recordings": 40,
    "course_kit.figures.to_html": 40,
    "tutorial_lib.networks.conv_net": 60,
    "course_kit.explorers.draw_digit": 30,
    "course_kit.explorers.gradient": 30,
    "course_kit.explorers.rates.compute": 40,
    "course_kit.explorers.start.compute": 40,
    "course_kit.exercises.check": 400,
    "tutorial_lib.training.train": 300,
    "tutorial_lib.simulation.forward_pass": 300,
}


def count(name: str) -> int:
    """How many calls of it belong to the campaign."""
    return FEW.get(name, MANY)
