"""Explorer of two schedules: which box is computed when, and what is kept for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from tutorial_lib import networks
from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._values import one_of

__all__ = ["STAGES", "STEPS", "Moment", "compute", "describe", "draw", "schedules"]

STEPS = 5
STAGES = ("conv1, pool", "layer 1", "conv2, pool", "layer 2", "fc1", "output")
SCHEDULES = ("step by step", "layer by layer")
_CALLS = STEPS * len(STAGES)  # step by step; the other schedule takes fewer


@dataclass(frozen=True)
class Moment:
    """What has been computed after some calls.

    Attributes:
        schedule: one of ``SCHEDULES``.
        call: number of calls made, the last one included.
        now: the boxes of the last call, as (stage, step).
        done: those of all calls before it.
        kept: megabytes kept for the backward pass after each call, from none to all, by schedule.
    """

    schedule: str
    call: int
    now: tuple[tuple[int, int], ...]
    done: tuple[tuple[int, int], ...]
    kept: dict[str, tuple[float, ...]]


def calls(schedule: str) -> list[tuple[tuple[int, int], ...]]:
    """The boxes (stage, step) of each call, in order. Odd stages are neurons, one step a call."""
    if schedule == "step by step":
        return [((stage, step),) for step in range(STEPS) for stage in range(len(STAGES))]
    made: list[tuple[tuple[int, int], ...]] = []
    for stage in range(len(STAGES)):
        boxes = [(stage, step) for step in range(STEPS)]
        made += [(box,) for box in boxes] if stage % 2 else [tuple(boxes)]
    return made


def _outputs(net: nn.Sequential, schedule: str, image: Tensor) -> Iterator[Tensor]:
    """Runs the course's network in this order; one output per call."""
    conv1, pool, lif1, conv2, pool2, lif2, flatten, fc1, lif3 = net
    layers: tuple[Callable, ...] = (
        lambda x: pool(conv1(x)), lif1, lambda x: pool2(conv2(x)), lif2,
        lambda x: fc1(flatten(x)), lambda x: lif3(x)[0],
    )  # fmt: skip
    frames: dict[tuple[int, int], Tensor] = {}
    for boxes in calls(schedule):
        stage = boxes[0][0]
        inputs = [frames[stage - 1, step] if stage else image for _, step in boxes]
        if stage == 0:  # the image is the same at each step: once is enough
            out = layers[0](image)
            parts = [out] * len(boxes)
        else:  # time in the batch
            out = layers[stage](torch.cat(inputs) if len(inputs) > 1 else inputs[0])
            parts = list(out.chunk(len(boxes)))
        frames.update(zip(boxes, parts, strict=True))
        yield out


@cache
def _kept(schedule: str) -> tuple[float, ...]:
    """Megabytes after each call, for one image; its pixels count, the weights do not."""
    sizes: dict[int, int] = {}
    held: list[Tensor] = []  # so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        held.append(tensor)
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in weights:
            sizes[memory.data_ptr()] = memory.nbytes()
        return tensor

    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net, image = networks.conv_net(), torch.rand(1, 1, 28, 28)
        weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            after = [sum(sizes.values()) for _ in _outputs(net, schedule, image)]
    return (0.0, *(total / 1e6 for total in after))


def compute(schedule: str, call: int) -> Moment:
    """Returns what has been computed after this many calls; past the last one, all of it.

    Args:
        schedule: "step by step" or "layer by layer".
        call: 1 to 30.

    Raises:
        ValueError: for other values.
    """
    one_of("schedule", schedule, SCHEDULES)
    one_of("call", call, range(1, _CALLS + 1))
    order = calls(schedule)
    made = min(int(call), len(order))
    done = tuple(box for boxes in order[: made - 1] for box in boxes)
    kept = {name: _kept(name) for name in SCHEDULES}
    return Moment(schedule, made, order[made - 1], done, kept)


def draw(fig: Figure, moment: Moment) -> None:
    """Draws the boxes above, and below them what is kept after each call."""
    place = {"left": 0.26, "right": 0.95, "bottom": 0.11, "top": 0.93, "hspace": 0.45}
    boxes, memory = style.panels(
        fig, 2, 1, gridspec_kw={"height_ratios": [3, 2], **place}
    ).ravel()
    everything = [(stage, step) for stage in range(len(STAGES)) for step in range(STEPS)]
    for gid, shown, face, edge in (
        ("to come", everything, "white", style.PALE),
        ("done", moment.done, style.SKY, style.BLUE),
        ("now", moment.now, style.VERMILION, style.INK),
    ):
        boxes.plot(
            [step for _, step in shown], [stage for stage, _ in shown], linestyle="none",
            marker="s", markersize=19, markerfacecolor=face, markeredgecolor=edge, gid=gid,
        )  # fmt: skip
    boxes.set(xlim=(-0.6, STEPS - 0.4), ylim=(-0.6, len(STAGES) - 0.4), xticks=range(STEPS))
    boxes.set_yticks(range(len(STAGES)), STAGES)
    style.dress(boxes, style.TIME)
    for i, (name, kept) in enumerate(moment.kept.items()):
        look = style.curve(i) | {"marker": ""}
        memory.plot(range(len(kept)), kept, label=name, **look)
    memory.plot(
        [moment.call], [moment.kept[moment.schedule][moment.call]], linestyle="none", marker="o",
        color=style.VERMILION, markeredgecolor=style.INK, gid="kept now",
    )  # fmt: skip
    memory.set(xlim=(0, _CALLS + 0.6), ylim=(0, 1.1 * max(map(max, moment.kept.values()))))
    style.dress(memory, "Calls made", "Kept (MB)")
    memory.legend(loc="upper left", fontsize=style.NOTE_SIZE, frameon=False)
    look = {"fontsize": style.NOTE_SIZE + 1, "color": style.INK, "va": "center"}
    fig.text(0.02, 0.97, _headline(moment), gid="title", **look)


def _headline(moment: Moment) -> str:
    of = len(moment.kept[moment.schedule]) - 1
    steps = [step for _, step in moment.now]
    at = f"step {steps[0]}" if len(steps) == 1 else "all steps"
    stage = STAGES[moment.now[0][0]]
    return f"{moment.schedule.capitalize()}, call {moment.call} of {of}: {stage}, {at}"


def describe(moment: Moment) -> str:
    """Says the state in words and numbers."""
    kept = moment.kept[moment.schedule]
    done = len(moment.done) + len(moment.now)
    ends = " and ".join(f"{record[-1]:.2f} MB {name}" for name, record in moment.kept.items())
    return (
        f"{_headline(moment)}. {done} of {STEPS * len(STAGES)} boxes are computed, and "
        f"{kept[moment.call]:.2f} MB are kept for the backward pass of one image. "
        f"At the end: {ends}."
    )


def schedules() -> Explorer:
    """Two orders for the same boxes, each layer of the course's network at each of five steps.

    Returns:
        The explorer, with controls for the schedule and for the calls made, which can be played.
    """
    return Explorer(
        name="schedules",
        title="Schedule explorer",
        controls=(
            Control("schedule", "Schedule", SCHEDULES, SCHEDULES[0], kind="choice"),
            Control("call", "Calls made", tuple(range(1, _CALLS + 1)), 8),
        ),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.5, 5.2),
        play="call",
    )
