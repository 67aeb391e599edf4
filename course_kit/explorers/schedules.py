"""Explorer of two schedules: which box is computed when, and what is kept for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from tutorial_lib import networks
from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._values import one_of

__all__ = ["STAGES", "STEPS", "Moment", "compute", "describe", "draw", "schedules"]

STEPS = 5
STAGES = ("conv1, pool", "neurons 1", "conv2, pool", "neurons 2", "fc1", "neurons 3")
SCHEDULES = ("step by step", "layer by layer")
_CALLS = STEPS * len(STAGES)  # step by step; the other schedule takes fewer
Box = tuple[int, int]  # stage, step


@dataclass(frozen=True)
class Moment:
    """What each schedule has computed after some calls, or after its last one.

    Attributes:
        call: number of calls, by schedule: the later of the two goes on alone.
        now: the boxes of the last call, by schedule; none where it is done.
        done: those of all calls before it, by schedule.
        kept: megabytes kept for the backward pass after each call, from none to all, by schedule.
    """

    call: dict[str, int]
    now: dict[str, tuple[Box, ...]]
    done: dict[str, tuple[Box, ...]]
    kept: dict[str, tuple[float, ...]]


def calls(schedule: str) -> list[tuple[Box, ...]]:
    """The boxes (stage, step) of each call, in order. Odd stages are neurons, one step a call."""
    if schedule == "step by step":
        return [((stage, step),) for step in range(STEPS) for stage in range(len(STAGES))]
    made: list[tuple[Box, ...]] = []
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
    frames: dict[Box, Tensor] = {}
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


def compute(call: int) -> Moment:
    """Returns what both schedules have computed after this many calls.

    Args:
        call: 1 to 30.

    Raises:
        ValueError: for other values.
    """
    one_of("call", call, range(1, _CALLS + 1))
    made, now, done = {}, {}, {}
    for schedule in SCHEDULES:
        order = calls(schedule)
        made[schedule] = min(int(call), len(order))
        now[schedule] = order[call - 1] if call <= len(order) else ()
        done[schedule] = tuple(box for boxes in order[: int(call) - 1] for box in boxes)
    return Moment(made, now, done, {name: _kept(name) for name in SCHEDULES})


def draw(fig: Figure, moment: Moment) -> None:
    """Draws the boxes of both schedules above, and below them what is kept after each call."""
    for number, schedule in enumerate(SCHEDULES):
        boxes = fig.add_axes((0.24 + 0.39 * number, 0.47, 0.35, 0.46))
        _boxes(boxes, moment, schedule)
        boxes.set_title(schedule.capitalize(), fontsize=style.LABEL_SIZE, color=style.INK)
        boxes.set_yticks(range(len(STAGES)), STAGES if number == 0 else [""] * len(STAGES))
        style.dress(boxes, style.TIME)
    memory = fig.add_axes((0.16, 0.1, 0.8, 0.25))
    for i, (name, kept) in enumerate(moment.kept.items()):
        look, made = style.curve(i) | {"marker": ""}, moment.call[name]
        memory.plot(range(len(kept)), kept, label=name, **look)
        memory.plot(
            [made], [kept[made]], linestyle="none", marker="o", color=look["color"],
            markeredgecolor=style.INK, gid=f"kept now, {name}",
        )  # fmt: skip
    memory.set(xlim=(0, _CALLS + 0.6), ylim=(0, 1.1 * max(map(max, moment.kept.values()))))
    style.dress(memory, "Calls made", "Kept (MB)")
    memory.legend(loc="upper left", fontsize=style.NOTE_SIZE, frameon=False)


def _boxes(ax: Axes, moment: Moment, schedule: str) -> None:
    everything = [(stage, step) for stage in range(len(STAGES)) for step in range(STEPS)]
    for gid, shown, face, edge in (
        ("to come", everything, "white", style.PALE),
        ("done", moment.done[schedule], style.SKY, style.BLUE),
        ("now", moment.now[schedule], style.ORANGE, style.INK),
    ):
        ax.plot(
            [step for _, step in shown], [stage for stage, _ in shown], linestyle="none",
            marker="s", markersize=15, markerfacecolor=face, markeredgecolor=edge,
            gid=f"{gid}, {schedule}",
        )  # fmt: skip
    ax.set(xlim=(-0.6, STEPS - 0.4), ylim=(-0.6, len(STAGES) - 0.4), xticks=range(STEPS))


def _made(moment: Moment, schedule: str) -> str:
    now = moment.now[schedule]
    if not now:
        return f"all done after {moment.call[schedule]} calls"
    at = f"step {now[0][1]}" if len(now) == 1 else "all steps"
    return f"call {moment.call[schedule]}: {STAGES[now[0][0]]}, {at}"


def describe(moment: Moment) -> str:
    """Says the state in words and numbers."""
    said = []
    for name in SCHEDULES:
        done = len(moment.done[name]) + len(moment.now[name])
        kept = moment.kept[name]
        said.append(
            f"{name.capitalize()}, {_made(moment, name)}. {done} of {_CALLS} boxes are computed, "
            f"and {kept[moment.call[name]]:.2f} MB are kept for the backward pass of one image; at "
            f"the end, {kept[-1]:.2f} MB."
        )
    return " ".join(said)


def schedules() -> Explorer:
    """Two orders for the same boxes, each stage of the course's network at each of five steps.

    Returns:
        The explorer, with a control for the calls made, which can be played.
    """
    return Explorer(
        name="schedules",
        title="Schedule explorer",
        controls=(Control("call", "Calls made", tuple(range(1, _CALLS + 1)), 8),),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.5, 4.8),
        play="call",
    )
