"""snnTorch's Leaky and ours: the same arguments and state dicts, or what to write instead."""

from __future__ import annotations

import inspect
import io
import math
import re
import warnings

import pytest
import snntorch
import snntorch.utils
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tutorial_lib
from tests.helpers import assert_equal, public_names, run_layer
from tutorial_lib import Leaky, utils
from tutorial_lib._snntorch import INSTEAD

RESETS = ["subtract", "zero", "none"]
SETTINGS = [{"reset_mechanism": name} for name in RESETS] + [{"detach_reset": False}]


@pytest.mark.parametrize("learn", [False, True])
def test_state_dicts_and_snntorchs_are_the_same(learn: bool) -> None:
    """Strictly, in both directions, with every reset; spikes go with them."""
    cur = torch.rand(10, 2, 3)
    for reset_mechanism in RESETS:
        kwargs = {"learn_beta": learn, "learn_threshold": learn, "reset_mechanism": reset_mechanism}
        ours, theirs = Leaky(0.5, **kwargs), snntorch.Leaky(0.75, 0.3, **kwargs)
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        ours.load_state_dict(theirs.state_dict())
        assert_equal(run_layer(ours, cur), run_layer(theirs, cur), tolerance=1e-6)
        back = snntorch.Leaky(0.1, 0.9, **kwargs)
        back.load_state_dict(ours.state_dict())
        assert_equal(run_layer(back, cur), run_layer(theirs, cur), tolerance=0)


@pytest.mark.parametrize("saved", SETTINGS, ids=str)
@pytest.mark.parametrize("here", SETTINGS, ids=str)
def test_a_state_dict_of_other_settings_is_an_error(saved: dict, here: dict) -> None:
    """Through a file of plain data; strict or not; nothing of the layer is changed."""
    file = io.BytesIO()
    torch.save(nn.Sequential(Leaky(0.9, 0.7, **saved)).state_dict(), file)
    file.seek(0)
    entries, net = torch.load(file, weights_only=True), nn.Sequential(Leaky(0.5, 1.0, **here))
    different = {
        name
        for name in ("reset_mechanism", "detach_reset")
        if getattr(Leaky(0.5, **saved), name) != getattr(net[0], name)
    }
    for strict in (True, False):
        if not different:
            net.load_state_dict(entries, strict=strict)
            assert net[0].beta.item() == pytest.approx(0.9)
            continue
        with pytest.raises(RuntimeError) as error:
            net.load_state_dict(entries, strict=strict)
        for name in different:
            assert f"0.{name} is " in str(error.value) and f"{name}=" in str(error.value)
        assert (net[0].beta.item(), net[0].threshold.item()) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"graded_spikes_factor": torch.tensor(2.0)}, r"graded_spikes_factor is 2\.0.*1 here"),
        ({"reset_mechanism_val": torch.tensor(7)}, r"reset_mechanism is 7"),
        ({"threshold": torch.tensor(-0.5)}, r"threshold must be finite and above 0, got -0\.5"),
        ({"beta": torch.tensor(math.nan)}, r"beta contains NaN"),
        ({"mem": torch.zeros(2)}, r"Unexpected key.*mem"),
        ({"reset_mechanism_val": None}, r"Missing key.*reset_mechanism_val"),
    ],
)
def test_state_dicts_that_do_not_fit(entry: dict, message: str) -> None:
    entries = {**Leaky(0.5).state_dict(), **entry}
    entries = {name: value for name, value in entries.items() if value is not None}
    with pytest.raises(RuntimeError, match=message):
        Leaky(0.5).load_state_dict(entries)


# ------------------------------------------------------------------ snnTorch's names


def test_the_signature_is_snntorchs() -> None:
    """Every argument by the same name and position, with the same default."""
    def described(function) -> list:  # noqa: ANN001
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert described(Leaky.__init__) == described(snntorch.Leaky.__init__)
    assert described(Leaky.forward) == described(snntorch.Leaky.forward)
    defaults = [value for _, value in described(Leaky)[1:]]
    cur = torch.rand(5, 2, 3)
    assert_equal(run_layer(Leaky(0.5, *defaults), cur), run_layer(Leaky(0.5), cur))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("surrogate_disable", True),
        ("inhibition", True),
        ("state_quant", torch.round),
        ("graded_spikes_factor", 2.0),
        ("learn_graded_spikes_factor", True),
        ("reset_delay", False),
    ],
)
def test_an_argument_that_changes_results_says_what_to_write_instead(name: str, value) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match=name) as error:
        Leaky(0.5, **{name: value})
    assert INSTEAD["Leaky"][name] in str(error.value)


def peer_records(cur: Tensor, **kwargs: object) -> tuple[Tensor, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run_layer(snntorch.Leaky(0.9, 0.8, **kwargs), cur)


def test_what_to_write_instead_is_the_same_neuron() -> None:
    """The code that the errors give, against snnTorch with the argument."""
    cur = 0.7 * torch.rand(30, 4, 5)
    lif, mem = Leaky(0.9, 0.8), torch.zeros(1)
    plain = run_layer(lif, cur)
    winners = [s * F.one_hot(m.argmax(1), m.shape[1]) for s, m in zip(*plain, strict=True)]
    assert_equal([torch.stack(winners)], [peer_records(cur, inhibition=True)[0]], tolerance=0)
    assert_equal([2 * plain[0]], [peer_records(cur, graded_spikes_factor=2.0)[0]], tolerance=0)

    def quantize(mem: Tensor) -> Tensor:
        return (4 * mem).round() / 4

    quantized = []
    for step in cur:
        _, mem = lif(step, mem)
        mem = quantize(mem)
        quantized.append(lif.spike_grad(mem - lif.threshold))
    assert_equal(
        [torch.stack(quantized)], [peer_records(cur, state_quant=quantize)[0]], tolerance=0
    )
    within = {"subtract": lambda mem, spk: mem - spk * lif.threshold,
              "zero": lambda mem, spk: mem * (1 - spk)}  # fmt: skip
    for reset_mechanism, reset in within.items():
        none, mem, records = Leaky(0.9, 0.8, reset_mechanism="none"), torch.zeros(1), []
        for step in cur:
            spk, mem = none(step, mem)
            mem = reset(mem, spk)
            records.append((spk, mem))
        expected = peer_records(cur, reset_delay=False, reset_mechanism=reset_mechanism)
        assert expected[0].sum() > 50
        assert_equal([torch.stack(r) for r in zip(*records, strict=True)], expected, 1e-6)


def test_every_name_of_snntorchs_leaky_works_or_says_what_to_write() -> None:
    """The table holds no name that works, and lacks none that does not."""
    theirs, ours = snntorch.Leaky(0.5), Leaky(0.5)
    arguments = inspect.signature(snntorch.Leaky.__init__).parameters.keys() - {"self"}
    names = {name for name in {*dir(theirs), *arguments} if not name.startswith("_")}
    names -= set(dir(nn.Module()))
    for name in names - INSTEAD["Leaky"].keys() - {"learn_beta", "learn_threshold"}:
        getattr(ours, name)
    assert INSTEAD["Leaky"].keys() <= names
    for name in INSTEAD["Leaky"].keys() - {"graded_spikes_factor"}:  # always 1
        for owner in (ours, Leaky):
            with pytest.raises(AttributeError, match=re.escape(INSTEAD["Leaky"][name])):
                getattr(owner, name)


def test_every_name_of_snntorch_and_its_utils_works_or_says_what_to_write() -> None:
    missing = {name for name in public_names(snntorch) if name not in dir(tutorial_lib)}
    assert missing == INSTEAD["snntorch"].keys()
    assert public_names(snntorch.utils).keys() - set(dir(utils)) == INSTEAD["utils"].keys()
    for name, instead in INSTEAD["snntorch"].items():
        with pytest.raises((AttributeError, ImportError), match=re.escape(instead)):
            getattr(tutorial_lib, name)
    with pytest.raises(ImportError, match=r"training\.train"):
        from tutorial_lib import backprop  # noqa: F401
    with pytest.raises(AttributeError, match=r"torch\.utils\.data\.random_split"):
        utils.valid_split  # noqa: B018
    for here in (tutorial_lib, utils):
        assert not hasattr(here, "nonsense")
