"""What several tests use."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tutorial_lib import Leaky, networks, surrogate
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass
from tutorial_lib.training import History, train

ROOT = Path(__file__).resolve().parents[1]
SURROGATES = [surrogate.fast_sigmoid(5), surrogate.atan(), surrogate.triangular()]

# The training command on few digits. Every layer fires from the first iteration on.
NET = ["--num-steps", "5", "--beta", "0.9", "--slope", "2", "--batch-size", "16"]
TINY = ["--data", "digits", "--device", "cpu", "--iterations", "3", "--eval-every", "2", *NET]
Command = Callable[..., History]


def artists(figure: Figure) -> dict[str, Artist]:
    """The artists of a figure that have a gid, by it; each name stands for one artist."""
    named = [artist for artist in figure.findobj() if artist.get_gid()]
    found = {artist.get_gid(): artist for artist in named}
    assert len(found) == len(named)
    return found


def small_net(classes: int = 3, **settings: object) -> nn.Sequential:
    """Six inputs, 16 hidden neurons, ``classes`` outputs."""
    settings = {"beta": 0.8, "spike_grad": surrogate.fast_sigmoid(slope=5), **settings}
    return nn.Sequential(
        nn.Linear(6, 16),
        Leaky(init_hidden=True, **settings),
        nn.Linear(16, classes),
        Leaky(init_hidden=True, output=True, **settings),
    )


def small_dataset(size: int) -> TensorDataset:
    """Three noisy patterns of six inputs."""
    targets = torch.arange(size) % 3
    data = torch.eye(3).repeat(1, 2)[targets] * 2 + 0.3 * torch.randn(size, 6)
    return TensorDataset(data, targets)


def adam(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), lr=1e-2)


def weights(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def fit(net: nn.Module, loader: object, iterations: int, **settings: object) -> History:
    """Train a small net over 8 steps, by Adam on the rate loss if nothing else is said."""
    settings = {"optimizer": adam(net), "loss_fn": SF.ce_rate_loss(), "progress": False} | settings
    return train(net, loader, num_steps=8, num_iterations=iterations, **settings)


def run_layer(
    layer: nn.Module, cur: Tensor, hidden: bool = False, output: bool = False
) -> tuple[Tensor, Tensor]:
    """Spikes and membranes over time of our layer or of snnTorch's, called the same way."""
    mem = layer.init_leaky()
    spk_rec, mem_rec = [], []
    for step in cur:
        if not hidden:
            spk, mem = layer(step, mem)
        elif output:
            spk, mem = layer(step)
        else:
            spk, mem = layer(step), layer.mem
        spk_rec.append(spk)
        mem_rec.append(mem)
    return torch.stack(spk_rec), torch.stack(mem_rec)


def assert_equal(ours: list[Tensor], theirs: list[Tensor], tolerance: float = 1e-12) -> None:
    """Tensor by tensor."""
    assert len(ours) == len(theirs)
    for mine, peer in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, peer, rtol=tolerance, atol=tolerance)


def public_names(module: ModuleType) -> dict[str, object]:
    """Functions and classes of snnTorch's in one of its modules, and its submodules, by name."""
    found = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith("snntorch") and not name.startswith("_")
    }
    for submodule in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not submodule.name.startswith("_"):
            found[submodule.name] = submodule
    return found


def names(folder: Path) -> list[str]:
    """Names of all files in a folder."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system refuses files above ``size`` bytes for a while, as a full disk would."""
    resource = pytest.importorskip("resource")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def saved(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, read by torch alone."""
    return torch.load(path, weights_only=True)


def assert_same_weights(one: Path, other: Path, atol: float = 0.0) -> None:
    """Two checkpoints of the training command hold the same network, and one that has learned."""
    a, b = saved(one)["net"], saved(other)["net"]
    assert a.keys() == b.keys() == networks.conv_net().state_dict().keys()
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=0, atol=atol)
    torch.manual_seed(0)
    start = dict(networks.conv_net().named_parameters())
    assert all(not torch.equal(a[name], value) for name, value in start.items())


def peers_spikeplot() -> ModuleType:
    """snnTorch's module; it imports pandas, which only its spike_count uses and is not needed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pandas", ModuleType("pandas"))
        patch.delitem(sys.modules, "snntorch.spikeplot", raising=False)
        return importlib.import_module("snntorch.spikeplot")


# ---------------------------------------------------------------- networks in both schedules


def leaky_layers(net: nn.Module) -> list[Leaky]:
    return [module for module in net.modules() if isinstance(module, Leaky)]


def dense_net(inputs: int, hidden: int, seed: int = 0) -> nn.Sequential:
    """Flat inputs, a hidden layer, ten outputs; beta and a threshold are learned."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, hidden),
        Leaky(0.5, spike_grad=SURROGATES[0], init_hidden=True, learn_beta=True),
        nn.Linear(hidden, 10),
        Leaky(0.5, 1.0, SURROGATES[0], init_hidden=True, output=True, learn_threshold=True),
    )


@st.composite
def random_networks(draw: st.DrawFn, **settings: object) -> nn.Sequential:
    """Two layers of neurons, float64, for images [B, 1, 6, 6]: nested, with what stands between."""
    torch.manual_seed(draw(st.integers(0, 2**31)))

    def neurons(size: int, output: bool = False) -> Leaky:
        shape = (size,) if draw(st.booleans()) else ()
        drawn = {
            "beta": torch.empty(shape, dtype=torch.float64).uniform_(0, 1),
            "threshold": torch.empty(shape, dtype=torch.float64).uniform_(0.3, 1.2),
            "spike_grad": draw(st.sampled_from(SURROGATES)),
            "reset_mechanism": draw(st.sampled_from(["subtract", "zero", "none"])),
            "learn_beta": draw(st.booleans()),
            "learn_threshold": draw(st.booleans()),
            "detach_reset": draw(st.booleans()),
        }
        return Leaky(init_hidden=True, output=output, **drawn | settings)

    def between(channels: int) -> list[nn.Module]:
        more = [
            nn.Identity(), nn.ReLU(), nn.ReLU(inplace=True), nn.Dropout().eval(),
            nn.BatchNorm2d(channels).eval() if channels < 5 else nn.LayerNorm(channels),
        ]  # fmt: skip
        extra = draw(st.lists(st.sampled_from(more), max_size=2, unique=True))
        extra.sort(key=lambda layer: not getattr(layer, "inplace", False))  # on no alias
        return [nn.Sequential(*extra)] if draw(st.booleans()) else extra

    if draw(st.booleans()):
        layers = [nn.Flatten(), nn.Linear(36, 5), *between(5), neurons(5), *between(5)]
        layers += [nn.Linear(5, 3)]
    else:
        pool = draw(st.sampled_from([nn.MaxPool2d(2), nn.AvgPool2d(2)]))
        first = nn.Sequential(nn.Conv2d(1, 4, 3), *between(4), pool)
        layers = [first, neurons(4), *between(4), nn.Flatten(), nn.Linear(16, 3)]
    net = nn.Sequential(*layers, neurons(3, output=True))
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(3)
    return net.double()


def everything(
    net: nn.Module, steps: int, data: Tensor, loss: str = "both", **kwargs: Any
) -> list[Tensor]:
    """Spikes, membranes, hidden states afterwards, gradients by the data and by each parameter."""
    data = data.clone().requires_grad_()
    spk_rec, mem_rec = forward_pass(net, steps, data, **kwargs)
    weight = torch.linspace(-1, 1, spk_rec.numel(), dtype=mem_rec.dtype, device=mem_rec.device)
    weight = weight.view_as(mem_rec)
    terms = {
        "spikes": (weight * spk_rec).sum(),
        "membranes": (weight.flip(0) * mem_rec).sum(),
        "first step": spk_rec[0].sum() + mem_rec[0].square().sum(),
    }
    total = terms["spikes"] + terms["membranes"] if loss == "both" else terms[loss]
    parameters = [p for p in net.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(total, [data, *parameters], materialize_grads=True)
    states = [layer.mem.detach() for layer in leaky_layers(net)]
    return [spk_rec.detach(), mem_rec.detach(), *states, *gradients]


def assert_schedules_equal(
    net: nn.Module, steps: int, data: Tensor, rtol: float = 1e-10, **kwargs: Any
) -> None:
    """Spikes identical; membranes, states and gradients up to rounding."""
    by_step = everything(net, steps, data, schedule="step", **kwargs)
    by_layer = everything(net, steps, data, schedule="layer", **kwargs)
    assert torch.equal(by_step[0], by_layer[0])
    for a, b in zip(by_step, by_layer, strict=True):
        torch.testing.assert_close(a, b, rtol=rtol, atol=rtol)


def save_notebook(path: Path, *codes: str | list[str], **more: Any) -> Path:
    """Writes a notebook with these code cells, as JupyterLab leaves it."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "# A title"}]
    cells += [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 4, "source": code}
        for code in codes
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, **more}))
    return path
