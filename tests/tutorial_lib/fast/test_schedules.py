"""Which networks run layer by layer, which are stepped, and which are wrong in every schedule."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.helpers import assert_schedules_equal
from tutorial_lib import Leaky, surrogate
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import Simulation, forward_pass, record_spikes

G = surrogate.fast_sigmoid(5)
STEPS = 6
CALLS: list[Tensor] = []


def neurons(output: bool = False, **kwargs: Any) -> Leaky:
    kwargs = {"beta": 0.8, "threshold": 0.5, "spike_grad": G} | kwargs
    return Leaky(init_hidden=True, output=output, **kwargs)


class Net(nn.Module):
    """Three inputs, a hidden and an output layer of three neurons each."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.fc2 = nn.Linear(3, 3), nn.Linear(3, 3)
        self.lif, self.out = neurons(), neurons(output=True)
        self.calls, self.kept, self.last = 0, [1], torch.ones(3)
        self.gain = nn.Parameter(torch.ones(3))
        self.register_buffer("scale", torch.ones(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        CALLS.append(x)
        return self.out(self.fc2(self.lif(self.fc(x))))


# ---------------------------------------------------------------- who runs how


def convolved(run: Callable[[], object]) -> list[int]:
    """The sizes of the batches that convolutions get."""
    sizes: list[int] = []
    original = nn.Conv2d.forward
    with pytest.MonkeyPatch.context() as patch:
        noting = lambda layer, x: sizes.append(len(x)) or original(layer, x)  # noqa: E731
        patch.setattr(nn.Conv2d, "forward", noting)
        run()
    return sizes


def test_auto_runs_plain_sequentials_layer_by_layer_and_steps_the_rest() -> None:
    """The first convolution sees a constant image, so layer by layer it runs once."""

    class Own(nn.Sequential):
        pass

    net, data = conv_net(), torch.rand(2, 1, 28, 28)
    nested = nn.Sequential(nn.Sequential(*net[:4]), nn.Sequential(*net[4:]))
    own = Own(*net)
    for n, schedule, sizes in [
        (net, "auto", [2, 8]), (nested, "auto", [2, 8]), (own, "auto", [2, 2] * 4),
        (own, "layer", [2, 8]), (net, "step", [2, 2] * 4),
        (nn.Sequential(own), "auto", [2, 2] * 4), (nn.Sequential(own), "layer", [2, 8]),
    ]:  # fmt: skip
        for run in (forward_pass, record_spikes):
            assert convolved(lambda: run(n, 4, data, schedule=schedule)) == sizes  # noqa: B023


@pytest.mark.parametrize(("schedule", "calls"), [("auto", STEPS), ("step", STEPS), ("layer", 1)])
def test_a_module_of_the_readers_own_is_called_once_for_all_steps_on_demand(
    schedule: str, calls: int
) -> None:
    CALLS.clear()
    forward_pass(Net(), STEPS, torch.rand(2, 3), schedule=schedule)
    assert len(CALLS) == calls


# ---------------------------------------------------------------- what cannot be run layer by layer


def own(forward: Callable[..., Any], **attributes: Any) -> Callable[[], nn.Module]:
    """Make the maker of a Net with another forward() and other layers."""

    def make() -> nn.Module:
        net = type("Own", (Net,), {"forward": forward})()
        for name, value in attributes.items():
            setattr(net, name, value() if inspect.isfunction(value) else value)
        return net

    return make


def chain(*layers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*(layer() for layer in layers), neurons(output=True))


class OwnLeaky(Leaky):
    def forward(self, cur: Tensor, mem: Tensor | None = None) -> Tensor:
        return super().forward(2 * cur, mem)


def counts(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    net.calls += 1
    return Net.forward(net, x * net.calls)


def appends(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    net.kept.append(x)
    return Net.forward(net, x * len(net.kept))


def in_place(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    h = net.lif(net.fc(x)) * 2
    return net.out(net.fc2(F.relu(h, inplace=True) - h))


def on_an_alias(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    h = net.fc2(net.lif(net.fc(x)))
    k = F.relu(h.contiguous(), inplace=True)
    return net.out(k + h)


def adds_under_another_name(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    h = k = net.fc2(net.lif(net.fc(x)))
    k += 1
    return net.out(h)


def scaled(x: Tensor) -> Tensor:
    x *= 1
    return x


def writes_out(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    h = net.lif(x)
    torch.add(h, 1, out=h)
    return net.out(h)


def sets_data(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    h = net.fc(x)
    h.data = net.fc2(x)
    return net.out(net.lif(h))


def turns_gradients(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    with torch.set_grad_enabled(not torch.is_grad_enabled()):
        h = net.lif(net.fc(x))
    return net.out(net.fc2(h))


def casts(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        return Net.forward(net, x)


def freezes(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    for parameter in net.fc.parameters():
        parameter.requires_grad_(not parameter.requires_grad)
    return Net.forward(net, x)


def draws_in_evaluation(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    net.drop.train()
    x = net.drop(x)
    net.drop.eval()
    return Net.forward(net, x)


def resets(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    net.lif.reset_mem()
    return Net.forward(net, x)


def with_hook(kind: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        net = nn.Sequential(nn.Linear(3, 3), neurons(output=True))
        getattr(net[0], kind)(lambda *_: None)
        return net

    return make


def replaced() -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 3), neurons(output=True))
    net[0].forward = lambda x: x - 1
    return net


def explicit(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    return net.out(net.lif(x, net.fc(x))[0])


REFUSED: list[tuple[str, Callable[[], nn.Module]]] = [
    (r"Dropout '0' in training mode draws anew", chain(nn.Dropout)),
    (r"BatchNorm1d '0' in training mode mixes samples", chain(lambda: nn.BatchNorm1d(3))),
    (r"Softmax '0' is not known to be stateless", chain(lambda: nn.Softmax(-1))),
    (r"'0' flattens the batch", chain(lambda: nn.Flatten(0), lambda: nn.Unflatten(0, (5, 3)))),
    (r"is a OwnLeaky", chain(lambda: OwnLeaky(0.8, init_hidden=True))),
    (r"'0' has a spike function that is no Surrogate", chain(lambda: neurons(spike_grad=F.relu))),
    (r"ReLU '_0' changes its input in place", chain(lambda: nn.ReLU(inplace=True))),
    (r"'relu' changes its input in place", own(in_place)),
    (r"'relu' changes its input in place", own(on_an_alias)),
    (r"'0' has hooks, which expect one call per step", with_hook("register_forward_hook")),
    (r"'0' has hooks", with_hook("register_forward_pre_hook")),
    (r"'0' has hooks", with_hook("register_full_backward_hook")),
    (r"forward\(\) of module '0' was replaced", replaced),
    (r"own state: its forward\(\) changes 'calls'", own(counts)),
    (r"own state: its forward\(\) changes 'kept'", own(appends)),
    (r"own state: its forward\(\) changes 'mem'", own(resets)),
    (r"uses 'last', a tensor that no layer", own(lambda net, x: Net.forward(net, x * net.last))),
    (r"uses a tensor that no layer", own(lambda net, x: Net.forward(net, x + torch.rand(3)))),
    (r"uses the tensor 'gain' itself", own(lambda net, x: Net.forward(net, x * net.gain))),
    (r"uses the tensor 'scale' itself", own(lambda net, x: Net.forward(net, x * net.scale))),
    (
        r"draws random numbers",
        own(lambda net, x: Net.forward(net, x * torch.rand(()).item())),
    ),
    (r"cannot be traced", own(lambda net, x: Net.forward(net, -x if x.sum() > 0 else x))),
    (r"takes more than the data", own(lambda net, x, y=None: Net.forward(net, x))),
    (
        r"asks for 'shape' of a tensor, which holds many steps",
        own(lambda net, x: Net.forward(net, x.view(x.shape[0], -1))),
    ),
    (
        r"'view' is not known to treat samples and steps alike",
        own(lambda net, x: Net.forward(net, x.view(-1, 3))),
    ),
    (r"'sub_' is not known", own(lambda net, x: net.out((net.lif(x) * 2).sub_(1)))),
    (r"'detach' is not known", own(lambda net, x: net.out(net.lif(net.fc(x)).detach()))),
    (r"'iadd' changes its input in place", own(adds_under_another_name)),
    (r"'imul' changes its input in place", own(lambda net, x: Net.forward(net, scaled(x)))),
    (r"'add' writes its result into a tensor", own(writes_out)),
    (r"sets 'data' of a tensor", own(sets_data)),
    (r"whether gradients are kept, as torch.no_grad\(\) does, before 'fc'", own(turns_gradients)),
    (r"whether gradients are kept", own(torch.inference_mode()(Net.forward))),
    (r"changes autocast, before 'fc'", own(casts)),
    (r"which parameters are learned, before 'fc'", own(freezes)),
    (
        r"which layers are in training mode, before 'drop'",
        own(draws_in_evaluation, drop=lambda: nn.Dropout().eval()),
    ),
    (r"flatten\(-1\) counts from the last", own(lambda net, x: Net.forward(net, x.flatten(-1)))),
    (
        r"flatten\(\) includes the batch",
        own(lambda net, x: Net.forward(net, x.flatten().unflatten(0, (5, 3)))),
    ),
    (r"'lif' has an explicit state", own(explicit, lif=lambda: Leaky(0.8))),
    (r"'lif' has an explicit state", own(lambda net, x: net.out(net.lif(input_=net.fc(x))))),
    (
        r"'lif' returns its membrane, but is not the last",
        own(lambda net, x: net.out(net.lif(x)[1]), lif=lambda: neurons(output=True)),
    ),
    (
        r"last layer of neurons feeds another",
        own(lambda net, x: [y := net.out(net.fc(x)), net.lif(y[0])] and (y[0], y[1])),
    ),
    (
        r"does not return the \(spk, mem\)",
        own(lambda net, x: [y := net.out(net.lif(net.fc(x)))] and (y[0], 2 * y[1])),
    ),
]


def held(net: nn.Module) -> list[Any]:
    """All that a network holds: tensors by value, other things by identity."""
    values = [x for module in net.modules() for x in vars(module).values()]
    values += [y for x in values if isinstance(x, (list, dict)) for y in list(x)]
    states = [p.tolist() for p in net.state_dict().values()]
    states += [p.requires_grad for p in net.parameters()]
    states += [layer.mem.tolist() for layer in net.modules() if isinstance(layer, Leaky)]
    return [states, list(map(id, values)), torch.get_rng_state().tolist(), random.getstate()]


@pytest.mark.parametrize(("reason", "make"), REFUSED)
def test_refused_with_its_reason_left_as_it_was_and_stepped_by_auto(
    reason: str, make: Callable[[], nn.Module]
) -> None:
    torch.manual_seed(0)
    net, data = make(), 3 * torch.randn(5, 3)
    net(data)  # it has a past, which must stay
    before = held(net)
    for run in (forward_pass, record_spikes):
        with pytest.raises(ValueError, match=rf"layer by layer: .*{reason}.*schedule='step'"):
            run(net, STEPS, data, schedule="layer")
        assert held(net) == before
    found = []
    for schedule in ("auto", "step"):
        torch.manual_seed(0)
        net = make()
        found.append(forward_pass(net, STEPS, data, schedule=schedule))
    assert all(map(torch.equal, *found))
    if hasattr(net, "calls") and "calls" in reason:
        assert net.calls == STEPS


def test_operands_of_different_rank_are_refused() -> None:
    """They broadcast over the axis of the samples, which is seen when the network runs."""
    net = own(lambda net, x: net.out((h := net.lif(net.fc(x))).flatten(1) + h))()
    with pytest.raises(ValueError, match=r"'add' combines tensors of different rank.*'step'"):
        forward_pass(net, STEPS, torch.rand(1, 1, 3), schedule="layer")
    assert forward_pass(net, STEPS, torch.rand(1, 1, 3))[0].shape == (STEPS, 1, 1, 3)


def test_a_wrapped_network_is_refused_with_its_remedy() -> None:
    """Made without its constructor, which would want a process group."""
    net = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(net)
    net.module = nn.Sequential(nn.Linear(3, 2), neurons(output=True))
    with pytest.raises(ValueError, match=r"DistributedDataParallel\(Simulation\(net, num_steps"):
        forward_pass(net, 3, torch.rand(2, 3), schedule="layer")
    data = torch.rand(2, 3)
    for time_varying, given in ((False, data), (True, data.repeat(3, 1, 1))):
        options = {"time_varying": time_varying}
        direct = forward_pass(net.module, 3, given, **options)
        assert all(map(torch.equal, Simulation(net.module, 3, **options)(given), direct))


def test_the_mode_and_hooks_that_are_gone() -> None:
    net = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3), nn.Linear(3, 3), neurons(output=True))
    net = net.double().eval()
    net[2].register_forward_hook(lambda *_: None).remove()
    assert_schedules_equal(net, STEPS, 3 * torch.randn(5, 3, dtype=torch.float64))


# ---------------------------------------------------------------- what is wrong in every schedule


def twice_in_a_row() -> nn.Module:
    lif = neurons()
    return nn.Sequential(nn.Linear(3, 3), lif, nn.Linear(3, 3), lif, neurons(output=True))


WRONG: list[tuple[str, type[Exception], Callable[[], nn.Module]]] = [
    (r"Layer '1' is called more than once in a step.*its own Leaky", ValueError, twice_in_a_row),
    (
        r"Layer 'lif' is called more than once in a step.*its own Leaky",
        ValueError,
        own(lambda net, x: net.out(net.lif(net.fc(net.lif(x))))),
    ),
    (
        r"Layer '0' has output=True.*only the last",
        TypeError,
        chain(lambda: neurons(output=True), lambda: nn.Linear(3, 3)),
    ),
    (r"init_hidden=True", TypeError, chain(lambda: Leaky(0.5))),
    (
        r"\(spk, mem\) .*got a tensor (from layer '0'|of shape \[5, 3\]).*output=True",
        TypeError,
        lambda: nn.Sequential(neurons()),
    ),
    (
        r"\(spk, mem\) .*got a tensor (from layer 'fc2'|of shape \[5, 3\]).*output=True",
        TypeError,
        own(lambda net, x: net.fc2(net.lif(net.fc(x)))),
    ),
]


@pytest.mark.parametrize("schedule", ["auto", "step", "layer"])
@pytest.mark.parametrize(("message", "error", "make"), WRONG)
def test_what_is_wrong_in_every_schedule(
    message: str, error: type[Exception], make: Callable[[], nn.Module], schedule: str
) -> None:
    """With its own remedy, which is no other schedule."""
    for run in (forward_pass, record_spikes):
        with pytest.raises(error, match=message) as caught:
            run(make(), STEPS, torch.rand(5, 3), schedule=schedule)
        assert "schedule" not in str(caught.value)


def test_an_unknown_schedule() -> None:
    for run in (forward_pass, record_spikes):
        with pytest.raises(ValueError, match=r"schedule must be one of .*'auto'.* got 'fast'"):
            run(Net(), 4, torch.rand(5, 3), schedule="fast")
