"""What torch wraps around a network leaves the membranes alone: copies, averages, processes."""

from __future__ import annotations

import copy
import io
import pickle
from functools import partial
from pathlib import Path

import pytest
import snntorch
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.checkpoint.state_dict import get_model_state_dict, set_model_state_dict
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from tutorial_lib import Leaky, utils
from tutorial_lib.simulation import Simulation, forward_pass

STEPS = 6
BATCHES = ((8, 8), (6, 5), (8, 8))  # of each round, one for each of two processes


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        Leaky(torch.tensor([0.7, 0.8, 0.9]), 0.3, init_hidden=True, learn_beta=True),
        nn.Flatten(),
        nn.Linear(3 * 6 * 6, 4),
        Leaky(0.9, 0.3, init_hidden=True, output=True, detach_reset=False),
    )


def batches(rank: int) -> list[Tensor]:
    torch.manual_seed(10 + rank)
    return [torch.rand(sizes[rank], 1, 8, 8) for sizes in BATCHES]


def written_loop(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    utils.reset(net)
    steps = [net(x) for _ in range(STEPS)]
    return torch.stack([spk for spk, _ in steps]), torch.stack([mem for _, mem in steps])


def trained(net: nn.Module, run, xs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:  # noqa: ANN001
    """Counts and gradients of each batch."""
    counts, gradients = [], []
    for x in xs:
        net.zero_grad()
        spk, mem = run(x)
        (mem.sum() / x.shape[0] + spk.mean()).backward()
        counts.append(spk.sum(0).detach())
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    return counts, gradients


# Ways to run a network over time, with what wraps it.
WAYS = {
    "forward_pass": lambda net, wrap: partial(forward_pass, wrap(net), STEPS),
    "written loop": lambda net, wrap: partial(written_loop, wrap(net)),
    "simulation": lambda net, wrap: wrap(Simulation(net, STEPS)),
}


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    results = {}
    for way, run in WAYS.items():
        net = network()
        results[way] = trained(net, run(net, DistributedDataParallel), batches(rank))
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_compute_what_one_does(tmp_path: Path) -> None:
    """Each rank's counts are those of its batches alone; the gradients are the mean of both."""
    torch.multiprocessing.spawn(work, (tmp_path,), nprocs=2)
    there = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for way, run in WAYS.items():
        here = []
        for rank in (0, 1):
            net = network()
            here.append(trained(net, run(net, lambda module: module), batches(rank)))
            torch.testing.assert_close(there[rank][way][0], here[rank][0])
            assert all(counts.sum() > 0 for counts in here[rank][0])
        gradients = [run[1] for run in here] + [run[way][1] for run in there]
        for one, two, a, b in zip(*gradients, strict=True):
            torch.testing.assert_close(a, (one + two) / 2)
            assert torch.equal(a, b)


def replica(net: nn.Module) -> nn.Module:
    """What ``nn.parallel.replicate`` makes, without a GPU: every module anew, tensors shared."""
    copies = {module: module._replicate_for_data_parallel() for module in net.modules()}
    for module, twin in copies.items():
        for name, child in module._modules.items():
            twin._modules[name] = copies[child]
        for name, parameter in module._parameters.items():
            setattr(twin, name, parameter.view_as(parameter))
    return copies[net]


def test_replicas_of_data_parallel_run_whole_simulations_and_refuse_single_steps() -> None:
    net, x = network(), batches(0)[0]
    expected = forward_pass(net, STEPS, x)
    whole = Simulation(net, STEPS, "step")
    for _ in range(2):
        torch.testing.assert_close(replica(whole)(x), expected)
    utils.reset(net)
    with pytest.raises(RuntimeError, match=r"DataParallel, .*Simulation\(net, num_steps\)"):
        replica(net)(x)
    with pytest.raises(RuntimeError, match="DataParallel"):
        net(x)  # what the replica computed is lost to it too
    torch.testing.assert_close(forward_pass(net, STEPS, x), expected)


@pytest.mark.parametrize("use_buffers", [False, True])
def test_averaged_models_after_a_pass(use_buffers: bool) -> None:
    net, x = network(), batches(0)
    average = AveragedModel(net, use_buffers=use_buffers)
    for batch in x:
        forward_pass(net, STEPS, batch)
        with torch.no_grad():
            net[0].weight += 0.1
        average.update_parameters(net)
    assert net[1].mem.shape[0] == len(x[-1])
    torch.testing.assert_close(average.module[0].weight, network()[0].weight + 0.2)
    forward_pass(average, STEPS, x[1])


def test_copies_and_pickles_carry_the_membrane_without_its_graph() -> None:
    """snnTorch's layer cannot be copied while its membrane hangs on a graph."""
    net, x = network(), batches(0)[0]
    written_loop(net, x)
    assert net[1].mem.requires_grad
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    twins = (
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
        torch.load(buffer, weights_only=False),
    )
    expected = net(x)
    assert expected[1].grad_fn is not None  # the original goes on learning
    for twin in twins:
        assert not twin[1].mem.requires_grad
        torch.testing.assert_close(twin(x), expected)
        utils.reset(twin)
    assert net[1].mem.shape == (8, 3, 6, 6)


def test_a_membrane_is_moved_with_its_layer_and_is_no_buffer() -> None:
    net, x = network(), batches(0)[0]
    written_loop(net, x)
    before = net[1].mem
    names = [*dict(net.named_buffers()), *dict(net.named_parameters()), *net.state_dict()]
    assert names and not any("mem" in name for name in names)
    net.double()
    torch.testing.assert_close(net[1].mem, before.double())
    assert {out.dtype for out in net(x.double())} == {torch.float64}
    assert net.to("meta")[1].mem.is_meta
    utils.reset(net)
    net.to_empty(device="cpu")
    assert net[1].mem.tolist() == 0  # not whatever stood in the memory


def test_distributed_checkpoints() -> None:
    net = network()
    saved = get_model_state_dict(net)
    assert saved.keys() == net.state_dict().keys()
    other = network(1)
    set_model_state_dict(other, saved)
    torch.testing.assert_close(other.state_dict(), net.state_dict())


# ------------------------------------------------------------- compiled, exported, scripted


class Step(nn.Module):
    """One step of a layer, with the membranes that it is given."""

    def __init__(self, leaky: type[nn.Module], hidden: bool) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.lif = leaky(0.8, 0.2, init_hidden=hidden, output=hidden, learn_beta=True)

    def forward(self, x: Tensor, *mem: Tensor) -> tuple[Tensor, Tensor]:
        return self.lif(self.fc(x), *mem)


@pytest.fixture
def fresh_compiler():  # noqa: ANN201
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.usefixtures("fresh_compiler")
def test_a_step_compiles_into_one_graph(hidden: bool, backend: str) -> None:
    """As snnTorch's does; spikes, membranes and gradients as without."""
    net = Step(Leaky, hidden)
    results = []
    for call in (net, torch.compile(net, fullgraph=True, backend=backend)):
        net.zero_grad()
        utils.reset(net)
        mem = () if hidden else (torch.zeros(2, 4),)
        records = []
        for x in torch.linspace(0, 2, 18).view(3, 2, 3):
            spk, new = call(x, *mem)
            records += [spk, new]
            mem = mem and (new,)
        torch.stack(records).square().sum().backward()
        results.append([*records, *(p.grad for p in net.parameters())])
    assert results[0][4].sum() > 0
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("leaky", [Leaky, snntorch.Leaky])
@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.filterwarnings("ignore:The tensor attribute", "ignore:While compiling")
def test_a_step_with_explicit_state_is_exported(leaky: type[nn.Module], strict: bool) -> None:
    net, x, mem = Step(leaky, hidden=False), torch.rand(2, 3), torch.rand(2, 4)
    program = torch.export.export(net, (x, mem), strict=strict).module()
    for _ in range(3):
        expected = net(x, mem)
        torch.testing.assert_close(program(x, mem), expected)
        mem = expected[1]


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.filterwarnings("ignore:While compiling")  # that the program sets a state
def test_a_whole_simulation_is_exported() -> None:
    """A network with hidden membranes: the program starts from rest at each call, as it should."""
    run, x = Simulation(network(), STEPS, "step"), batches(0)[0]
    expected = run(x)
    program = torch.export.export(run, (x,), strict=True).module()
    for _ in range(2):
        torch.testing.assert_close(program(x), expected)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # deprecated; category by version
def test_scripting_says_what_works() -> None:
    with pytest.raises(NotImplementedError, match=r"torch\.compile\(net\).*torch\.export"):
        torch.jit.script(network())
