"""The recorded run against forward_pass: on a GPU, and without one in a rehearsal.

The rehearsal has what makes CUDA graphs dangerous: each run writes its results and its gradients
over those of the run before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tutorial_lib import Leaky, data, networks, surrogate, training, utils
from tutorial_lib import functional as SF
from tutorial_lib.fast import CudaGraph, cuda_graph
from tutorial_lib.simulation import Simulation, forward_pass

G = surrogate.fast_sigmoid(5)
BF16 = torch.bfloat16
STEPS = 6


def rehearse(
    function: Callable, static: tuple[Tensor, ...], allow_unused_input: bool
) -> Callable[..., tuple[Tensor, ...]]:
    """What torch.cuda.make_graphed_callables does, on a CPU; each replay computes anew."""
    wanted = [x for x in static if x.requires_grad]
    for _ in range(3):  # warm-up
        latest = list(function(*static))
    outputs = [x.detach().clone() for x in latest]
    gradients = [torch.zeros_like(x) for x in wanted]

    class Graphed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
            for mine, given in zip(static, inputs, strict=True):
                if mine.data_ptr() != given.data_ptr():
                    assert not mine.requires_grad  # a parameter is never copied
                    mine.copy_(given)
            with torch.enable_grad():
                latest[:] = function(*static)
            for out, new in zip(outputs, latest, strict=True):
                out.copy_(new.detach())
            return tuple(out.detach() for out in outputs)

        @staticmethod
        def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
            pairs = [(x, g) for x, g in zip(latest, given, strict=True) if x.requires_grad]
            outs, grads = zip(*pairs, strict=True)
            options = {"retain_graph": True, "allow_unused": allow_unused_input}
            found = torch.autograd.grad(outs, wanted, grads, **options)
            for mine, new in zip(gradients, found, strict=True):
                mine.copy_(new)
            rest = iter(gradients)
            return tuple(next(rest).detach() if x.requires_grad else None for x in static)

    return Graphed.apply


@pytest.fixture(params=["rehearsal", "cuda"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")
        yield "cuda"
        return

    def can_record(images: Tensor) -> bool:
        return torch.is_grad_enabled() and not images.requires_grad

    def make(run: Callable, static: tuple[Tensor, ...], allow_unused_input: bool) -> Callable:
        wanted = [x for x in static if x.requires_grad]
        graphed = rehearse(lambda *x: run(*x), static, allow_unused_input)
        assert wanted and all(x.grad_fn is None for x in wanted)
        return graphed

    monkeypatch.setattr(cuda_graph, "_can_record", can_record)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", make)
    yield "cpu"


def class_net() -> nn.Module:
    """A network that only the step-by-step schedule can run: its membrane is fed back."""

    class Feedback(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(784, 10)
            self.lif = Leaky(0.9, spike_grad=G, init_hidden=True, output=True)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            before = self.lif.mem
            return self.lif(self.fc(x.flatten(1)) + 0.1 * before)

    return Feedback()


NETS = {
    "layers": lambda: networks.conv_net(0.9, G),
    "learnable": lambda: nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 64),
        Leaky(0.8, spike_grad=G, init_hidden=True, learn_beta=True),
        nn.Linear(64, 10),
        Leaky(0.8, 0.5, G, init_hidden=True, output=True, learn_threshold=True),
    ),
    "steps": class_net,
}


def twins(
    name: str, device: str, dtype: torch.dtype = torch.float64
) -> tuple[CudaGraph, nn.Module, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    net = NETS[name]().to(device, dtype)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.data *= 3  # every layer fires
    twin = copy.deepcopy(net)
    return CudaGraph(Simulation(net, STEPS)), twin, lambda x: forward_pass(twin, STEPS, x)


def states(net: nn.Module) -> list[Tensor]:
    return [layer.mem.detach() for layer in net.modules() if isinstance(layer, Leaky)]


@pytest.mark.parametrize("name", NETS)
def test_the_same_over_several_updates(name: str, device: str) -> None:
    """With gradients that add up, and with other batches and evaluations between the replays."""
    graph, twin, plain = twins(name, device)
    net, kept = graph.simulation.net, []
    optimizers = [torch.optim.SGD(n.parameters(), lr=0.1) for n in (net, twin)]
    for size in (4, 4, 3, 4):
        images = torch.rand(2, size, 1, 28, 28, device=device, dtype=torch.float64)
        seen: list[list[Tensor]] = [[], []]
        for run, optimizer, n, found in zip(
            (graph, plain), optimizers, (net, twin), seen, strict=True
        ):
            optimizer.zero_grad()
            for part in images:
                spk_rec, mem_rec = run(part)
                found += states(n)
                with torch.no_grad():
                    found += run(part * 0.5)
                (spk_rec.mean() + mem_rec.square().mean()).backward()
                found += [spk_rec.detach(), mem_rec.detach()]
                kept += [(x, x.clone()) for x in found]
            found += [p.grad for p in n.parameters()]
            optimizer.step()
        for a, b in zip(*seen, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
        assert spk_rec.any() and seen[0][-1].any()
    assert graph.runs == 6  # two for each batch of four
    assert all(torch.equal(a, b) for a, b in kept)  # nothing was written over


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_in_mixed_precision() -> None:
    graph, _, plain = twins("layers", "cuda", torch.float32)
    images = torch.rand(4, 1, 28, 28, device="cuda")
    for enabled in (True, True, False):
        with torch.autocast("cuda", BF16, enabled=enabled):
            (spk_a, mem_a), (spk_b, mem_b) = graph(images), plain(images)
        assert spk_a.dtype == spk_b.dtype == (BF16 if enabled else torch.float32)
        assert mem_a.dtype == mem_b.dtype == torch.float32
        assert (mem_a - mem_b).abs().mean() < 0.02 * mem_b.abs().mean()
        mem_a.mean().backward()
    assert graph.runs == 2


def test_a_run_that_is_no_longer_held_is_refused(device: str) -> None:
    """Neither after another run, nor a second time: its memory is used again by then."""
    graph, *_ = twins("layers", device)
    images = torch.rand(4, 1, 28, 28, device=device, dtype=torch.float64)
    first, second = (graph(images)[0].mean() for _ in range(2))
    with pytest.raises(RuntimeError, match=r"latest run alone.*forward_pass"):
        first.backward()
    second.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r"for one backward\(\)"):
        second.backward()
    graph(images)[0].mean().backward()


def test_weights_changed_before_backward_are_refused(device: str) -> None:
    graph, *_ = twins("layers", device)
    images = torch.rand(4, 1, 28, 28, device=device, dtype=torch.float64)
    loss = graph(images)[0].mean()
    graph.simulation.net.load_state_dict(copy.deepcopy(graph.simulation.net.state_dict()))
    with pytest.raises(RuntimeError, match=r"Parameters were changed.*before optimizer"):
        loss.backward()


def test_the_recording_itself_changes_nothing(device: str) -> None:
    """Its warm-up runs do not count in a running mean; its replays do."""
    nets = []
    for _ in range(2):
        torch.manual_seed(0)
        layers = [nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8)]
        nets.append(nn.Sequential(*layers, Leaky(0.9, init_hidden=True, output=True)))
    graph, plain = CudaGraph(Simulation(nets[0].to(device), STEPS)), nets[1].to(device)
    for _ in range(2):
        images = torch.rand(4, 1, 28, 28, device=device)
        graph(images), forward_pass(plain, STEPS, images)
    assert graph.runs == 2
    assert nets[0][2].num_batches_tracked == plain[2].num_batches_tracked == 2 * STEPS
    torch.testing.assert_close(nets[0][2].running_mean, plain[2].running_mean)


CHANGES = "data training frozen replaced wanted buffer rule steps hook".split()


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_is_not_replayed(change: str, device: str) -> None:
    graph, twin, plain = twins("learnable", device)
    net, images = graph.simulation.net, torch.rand(4, 1, 28, 28, device=device).double()
    graph(images)
    assert graph.runs == 1
    for n in (net, twin):
        if change == "training":
            n.eval()
        elif change == "frozen":
            n[1].weight.requires_grad_(False)
        elif change == "replaced":
            n[1].weight = nn.Parameter(n[1].weight.detach() * 2)
        elif change == "buffer":
            n[2].threshold = n[2].threshold * 2
        elif change == "rule":
            n[2].reset_mechanism = "zero"
        elif change == "hook":
            n[1].register_forward_hook(lambda layer, args, out: out * 2)
    if change == "data":
        images = images[:2]
    elif change == "wanted":
        images.requires_grad_()
    elif change == "steps":
        graph.simulation.num_steps = 3
        plain = partial(forward_pass, twin, 3)
    found, expected = graph(images), plain(images)
    assert graph.runs == 1
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert torch.autograd.grad(found[0].sum(), net[3].weight)[0].any()


def test_bad_data_is_an_error_before_anything_is_recorded(device: str) -> None:
    graph, *_ = twins("layers", device)
    images = torch.rand(4, 1, 28, 28, device=device, dtype=torch.float64)
    for bad, message in ((images * float("nan"), "NaN"), (images[0, 0, 0], "batch")):
        with pytest.raises(ValueError, match=message):
            graph(bad)
    assert graph.recorded is None
    graph(images)
    with pytest.raises(ValueError, match="NaN"):
        graph(images * float("nan"))
    with torch.no_grad():
        graph.simulation.net[3].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"layer '5'.*parameter '3\.weight' is not finite"):
        graph(images)
    assert graph.runs == 2
    with pytest.raises(TypeError, match=r"CudaGraph\(Simulation\(net, num_steps.*got Sequential"):
        CudaGraph(graph.simulation.net)


def test_the_training_loop_runs_on_it(device: str) -> None:
    """Micro-batches add their gradients up: the same losses as without the graph."""
    digits = data.load("digits", verbose=False)
    losses = []
    for recorded in (False, True):
        torch.manual_seed(1)
        net = NETS["learnable"]().to(device, torch.float64)
        batches = [(x.double(), y) for x, y in data.loaders(digits, 48).train][:9]
        graph = CudaGraph(Simulation(net, STEPS))
        history = training.train(
            net,
            batches,
            torch.optim.Adam(net.parameters(), lr=1e-3),
            SF.ce_rate_loss(),
            STEPS,
            num_iterations=9,
            micro_batch=16,
            simulate=graph if recorded else None,
            progress=False,
        )
        losses.append(history.loss)
        assert graph.runs == (27 if recorded else 0)
    assert losses[1] == pytest.approx(losses[0], rel=1e-8)
    assert losses[0][-1] < losses[0][0]


def test_cudnn_measures_while_it_records_and_not_after(device: str) -> None:
    seen, make = [], torch.cuda.make_graphed_callables

    def looking(*args: Any, **kwargs: Any) -> Any:
        seen.append(torch.backends.cudnn.benchmark)
        return make(*args, **kwargs)

    graph, *_ = twins("layers", device)
    images = torch.rand(4, 1, 28, 28, device=device, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "make_graphed_callables", looking)
        for _ in range(3):
            utils.reset(graph.simulation.net)
            graph(images)
    assert seen == [True] and torch.backends.cudnn.benchmark is False


def test_on_a_cpu_it_is_forward_pass() -> None:
    graph, _, plain = twins("layers", "cpu")
    images = torch.rand(4, 1, 28, 28, dtype=torch.float64)
    for a, b in zip(graph(images), plain(images), strict=True):
        assert torch.equal(a, b)
    assert graph.recorded is None and graph.runs == 0
