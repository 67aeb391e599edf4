"""The schedule explorer: an order that can be computed, and the memory that the library keeps."""

from __future__ import annotations

import pytest
import torch

from course_kit import explorers
from course_kit.explorers.schedules import STAGES, STEPS, calls
from tests.helpers import artists
from tutorial_lib import networks, simulation

explorer = explorers.schedules()
ORDERS = ("step by step", "layer by layer")


@pytest.mark.parametrize("schedule", ORDERS)
def test_every_box_is_computed_once_after_what_it_needs(schedule: str) -> None:
    seen: set[tuple[int, int]] = set()
    for boxes in calls(schedule):
        for stage, step in boxes:
            assert stage == 0 or (stage - 1, step) in seen
            assert stage % 2 == 0 or step == 0 or (stage, step - 1) in seen  # a membrane's past
        assert not seen & set(boxes)
        seen |= set(boxes)
    assert len(seen) == len(STAGES) * STEPS


def test_what_is_kept_is_what_the_plain_loop_keeps() -> None:
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in weights:
            sizes[memory.data_ptr()] = memory.nbytes()
        return tensor

    net, image = networks.conv_net(), torch.rand(1, 1, 28, 28)
    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        record = simulation.forward_pass(net, STEPS, image, schedule="step")
    assert record[0].requires_grad
    kept = explorer.compute(1).kept
    assert kept["step by step"][-1] == pytest.approx(sum(sizes.values()) / 1e6, rel=1e-3)
    assert kept["layer by layer"][-1] < 0.8 * kept["step by step"][-1]


@pytest.mark.parametrize("schedule", ORDERS)
@pytest.mark.parametrize("call", [1, 7, 18, 19, 30])
def test_the_picture_shows_the_moment(schedule: str, call: int) -> None:
    moment = explorer.compute(call)
    drawn = artists(explorer.figure(call=call))
    for gid, boxes in (("now", moment.now[schedule]), ("done", moment.done[schedule])):
        shown = drawn[f"{gid}, {schedule}"]
        places = zip(shown.get_ydata(), shown.get_xdata(), strict=True)
        assert [(int(stage), int(step)) for stage, step in places] == list(boxes)
    everything = [box for boxes in calls(schedule)[:call] for box in boxes]
    assert [*moment.done[schedule], *moment.now[schedule]] == everything
    kept = drawn[f"kept now, {schedule}"].get_ydata()[0]
    assert kept == moment.kept[schedule][min(call, len(calls(schedule)))]
