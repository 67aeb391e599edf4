"""Every public name and argument of snnTorch is here, or the error says what to write instead.

``Leaky``, the other neurons and ``utils`` are gone through in test_neurons_snntorch.py.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
from collections.abc import Callable
from types import FunctionType

import pytest
import snntorch.functional
import snntorch.spikegen
import snntorch.surrogate
import snntorch.utils
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tutorial_lib
from tests.helpers import ROOT, assert_equal, peers_spikeplot, public_names, run_layer
from tutorial_lib import Leaky, encoding, functional, plotting, surrogate, utils
from tutorial_lib._snntorch import INSTEAD

PAIRS = {
    "surrogate": (snntorch.surrogate, surrogate),
    "functional": (snntorch.functional, functional),
    "spikegen": (snntorch.spikegen, encoding),
    "spikeplot": (peers_spikeplot(), plotting),
}
namespaces = pytest.mark.parametrize("namespace", PAIRS)


@namespaces
def test_the_table_holds_exactly_the_names_that_are_missing(namespace: str) -> None:
    theirs, ours = PAIRS[namespace]
    names = public_names(theirs)
    assert len(names) > 4
    assert set(names) - set(ours.__all__) == INSTEAD[namespace].keys()
    for name, instead in INSTEAD[namespace].items():
        with pytest.raises((AttributeError, ImportError), match=re.escape(instead)):
            getattr(ours, name)
    assert not hasattr(ours, "nonsense")


IMPORTED = PAIRS | {"snntorch": (snntorch, tutorial_lib), "utils": (snntorch.utils, utils)}


@pytest.mark.parametrize("namespace", IMPORTED)
def test_what_an_import_of_a_missing_name_says(namespace: str) -> None:
    """Of a module it is the table's words; of a class or a function Python allows only its own."""
    theirs, ours = IMPORTED[namespace]
    names = public_names(theirs)
    for name, instead in INSTEAD[namespace].items():
        module = not isinstance(names[name], (type, FunctionType))
        with pytest.raises(ImportError) as raised:
            exec(f"from {ours.__name__} import {name}")
        assert (instead in str(raised.value)) == module, name
        assert module or f"cannot import name {name!r}" in str(raised.value)
        with pytest.raises(ModuleNotFoundError, match=f"No module named '{ours.__name__}.{name}'"):
            importlib.import_module(f"{ours.__name__}.{name}")


def test_the_book_quotes_what_imports_say() -> None:
    text = (ROOT / "book" / "from_snntorch.md").read_text(encoding="utf-8")
    for code in ("from tutorial_lib import Synaptic", "import tutorial_lib.spikegen"):
        with pytest.raises(ImportError) as raised:
            exec(code)
        assert f'"{str(raised.value).split(" from ")[0]}"' in text


def parameters(function: object) -> list[str]:
    """Names of the positional arguments, in order."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.kind in kinds and p.name != "self"]


@namespaces
def test_arguments_have_snntorchs_names_and_places(namespace: str) -> None:
    theirs, ours = PAIRS[namespace]
    for name in public_names(theirs).keys() & set(ours.__all__):
        pairs = [(getattr(theirs, name), getattr(ours, name))]
        if inspect.isclass(pairs[0][0]):
            pairs.append((pairs[0][0].__call__, pairs[0][1].__call__))
        for their, our in pairs:
            expected = parameters(their)
            assert parameters(our)[: len(expected)] == expected, name


def gradient(spike: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    torch.manual_seed(1)  # SSO draws
    leaf = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(spike(leaf).sum(), leaf)
    return found


def custom_surrogate_function(input_: Tensor, grad_input: Tensor, spikes: Tensor) -> Tensor:
    return grad_input * (1 + spikes) / (1 + input_.abs())


SETTINGS = {
    "spike_rate_escape": {"beta": 2.0, "slope": 3.0},
    "SSO": {"mean": 0.1, "variance": 0.5},
    "LSO": {"slope": 0.3},
    "SFS": {"slope": 4.0, "B": 0.2},
    "heaviside": {},
    "custom_surrogate": {"custom_surrogate_function": custom_surrogate_function},
    "Triangular": {"threshold": 0.7},
}


def code(namespace: str, name: str) -> str:
    """The last code that the table gives for a name."""
    return re.findall(r"`([^`]+)`", INSTEAD[namespace][name])[-1]


@pytest.mark.parametrize("name", SETTINGS)
def test_what_to_write_instead_of_a_surrogate_has_its_slope(name: str) -> None:
    settings, x = SETTINGS[name], torch.linspace(-2, 2, 80)
    ours = eval(code("surrogate", name), vars(surrogate) | settings)
    if name == "LSO":  # snnTorch's cannot be called; its documentation gives the slope
        with pytest.raises(TypeError):
            snntorch.surrogate.LSO(0.3)(x)
        expected = torch.where(x > 0, 1.0, 0.3)
    else:
        function = "triangular" if name == "Triangular" else name
        expected = gradient(getattr(snntorch.surrogate, function)(**settings), x)
    torch.testing.assert_close(gradient(ours, x), expected)
    assert expected.unique().numel() > 1


def test_each_surrogates_class_says_the_same_as_its_function() -> None:
    pairs = {"Heaviside": "heaviside", "SpikeRateEscape": "spike_rate_escape",
             "StochasticSpikeOperator": "SSO", "SparseFastSigmoid": "SFS"}  # fmt: skip
    for family, function in pairs.items():
        assert INSTEAD["surrogate"][family] == INSTEAD["surrogate"][function]


def test_what_to_write_instead_in_spikegen() -> None:
    x, targets = torch.rand(6, 4, 3), torch.tensor([2, 0, 1])
    hot = F.one_hot(targets, 3).float()
    names = {"data": x, "threshold": 0.1, "num_steps": 7, "targets": targets, "num_classes": 3,
             "one_hot_label": hot, "one_hot_targets": hot, "on_target": 0.9, "off_target": 0.2,
             "F": F, "torch": torch}  # fmt: skip

    def ours(name: str) -> Tensor:
        return eval(code("spikegen", name), vars(encoding) | names)

    peer = snntorch.spikegen
    assert torch.equal(ours("delta"), peer.delta(x))
    expected = peer.latency(x, num_steps=7, linear=True, normalize=True, clip=True)
    found = encoding.latency_encode(x, 7)
    assert torch.equal(found, expected)
    assert torch.equal(ours("to_one_hot"), peer.to_one_hot(targets, 3))
    assert torch.equal(ours("to_one_hot_inverse"), peer.to_one_hot_inverse(hot))
    assert ours("from_one_hot").tolist() == targets.tolist()
    levels = peer.targets_convert(targets, 3, on_target=0.9, off_target=0.2)
    torch.testing.assert_close(ours("targets_convert"), levels)
    torch.manual_seed(0)
    spikes = encoding.rate_encode(x, 9)
    torch.manual_seed(0)
    assert torch.equal(spikes, peer.rate(x, num_steps=9))


def test_what_to_write_instead_of_other_neurons() -> None:
    R, C, time_step, beta = 5.0, 0.05, 0.1, 0.9  # noqa: N806
    cur = torch.rand(40, 3)
    names = {"Leaky": Leaky, "R": R, "C": C, "time_step": time_step, "beta": beta, "math": math}
    theirs = snntorch.Lapicque(R=R, C=C, time_step=time_step)
    build, current = re.findall(r"`([^`]+)`", INSTEAD["snntorch"]["Lapicque"])
    expected, mem = [], theirs.init_lapicque()
    for step in cur:
        spk, mem = theirs(step, mem)
        expected.append(torch.stack([spk, mem]))
    found = run_layer(eval(build, names), eval(current, names | {"cur": cur}))
    assert_equal(list(found), list(torch.stack(expected, 1)), tolerance=1e-5)
    assert 0 < found[0].mean() < 1

    build = re.findall(r"`([^`]+)`", INSTEAD["snntorch"]["StateLeaky"])[0]
    inputs = torch.rand(20, 2, 3) / 4
    state = snntorch.StateLeaky(beta=beta, channels=3, output=True)
    found = run_layer(eval(build, names), inputs)
    assert_equal(list(found), list(state(inputs)), tolerance=1e-5)
    assert 0 < found[0].mean() < 1


@pytest.mark.parametrize(
    ("name", "peers"),
    [
        ("OutputMonitor", lambda net: snntorch.functional.OutputMonitor(net, nn.Linear)),
        ("InputMonitor", lambda net: snntorch.functional.InputMonitor(net, nn.Linear)),
        ("GradInputMonitor", lambda net: snntorch.functional.GradInputMonitor(net, nn.Linear)),
        ("GradOutputMonitor", lambda net: snntorch.functional.GradOutputMonitor(net, nn.Linear)),
    ],
)
def test_what_to_write_instead_of_a_monitor_records_the_same(name: str, peers: Callable) -> None:
    net, records = nn.Sequential(nn.Linear(3, 2)), []
    monitor = peers(net)
    eval(code("functional", name), {"layer": net[0], "records": records})
    net(torch.rand(4, 3, requires_grad=True)).square().sum().backward()
    assert len(records) == len(monitor.records) == 1
    torch.testing.assert_close(records[0], monitor.records[0])


def test_what_to_write_instead_of_an_attribute_monitor() -> None:
    layer, records = Leaky(0.5, init_hidden=True), []
    eval(code("functional", "AttributeMonitor"), {"layer": layer, "records": records})
    layer(torch.ones(2, 3))
    assert torch.equal(records[0], torch.ones(2, 3))
