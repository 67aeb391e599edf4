"""The leaky neuron: equal to snnTorch's in spikes, membranes and gradients; keeps its own state."""

from __future__ import annotations

import gc
import math
import weakref

import pytest
import snntorch
import snntorch.surrogate as peer_surrogate
import snntorch.utils
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.helpers import assert_equal, run_layer
from tutorial_lib import Leaky, lif_step, surrogate, utils

RESETS = ["subtract", "zero", "none"]
SURROGATES = [
    surrogate.fast_sigmoid(),
    surrogate.atan(),
    surrogate.sigmoid(slope=5),
    surrogate.triangular(),
    surrogate.gaussian(),
    surrogate.straight_through_estimator(),
]
reset_mechanisms = pytest.mark.parametrize("reset_mechanism", RESETS)


@st.composite
def configurations(draw: st.DrawFn) -> dict:
    """Two equal layers (ours, snnTorch's), a current, and how to call them."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    sample = draw(st.sampled_from([(1,), (5,), (3, 4), (2, 3, 3), (2, 2, 2, 2)]))
    steps, batch = draw(st.integers(1, 7)), draw(st.integers(1, 3))

    def parameter(low: float, high: float, clamped: tuple[float, ...] = ()) -> Tensor:
        per_neuron = draw(st.booleans())
        value = torch.empty(sample if per_neuron else (), dtype=torch.float64).uniform_(low, high)
        return torch.full_like(value, draw(st.sampled_from(clamped))) if clamped else value

    beta = parameter(0, 1, clamped=draw(st.sampled_from([(), (), (0.0, 1.0)])))
    threshold = parameter(0.3, 1.5)
    hidden, output = draw(st.sampled_from([(False, False), (True, False), (True, True)]))
    kwargs = {
        "spike_grad": draw(st.sampled_from(SURROGATES)),
        "reset_mechanism": draw(st.sampled_from(RESETS)),
        "learn_beta": draw(st.booleans()),
        "learn_threshold": draw(st.booleans()),
        "init_hidden": hidden,
        "output": output,
    }
    return {
        "ours": Leaky(beta.clone(), threshold.clone(), **kwargs),
        "theirs": snntorch.Leaky(beta.clone(), threshold.clone(), **kwargs),
        "cur": 1.5 * torch.randn(steps, batch, *sample, dtype=torch.float64) + 0.5,
        "hidden": hidden,
        "output": output,
    }


def gradients(layer: nn.Module, inputs: list[Tensor], spk: Tensor, mem: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    loss = (torch.randn_like(spk) * spk).sum() + (torch.randn_like(mem) * mem).sum()
    parameters = dict(layer.named_parameters())
    inputs = inputs + [parameters[name] for name in ("beta", "threshold") if name in parameters]
    return list(torch.autograd.grad(loss, inputs))


@given(configurations())
def test_equal_to_snntorch(case: dict) -> None:
    results = []
    for layer in (case["ours"], case["theirs"]):
        cur = case["cur"].clone().requires_grad_()
        spk, mem = run_layer(layer, cur, case["hidden"], case["output"])
        results.append([spk, mem, *gradients(layer, [cur], spk, mem)])
    assert torch.equal(results[0][0], results[1][0])
    assert_equal(*results)


@given(configurations())
def test_equal_to_snntorch_behind_a_linear_layer(case: dict) -> None:
    features = case["cur"].flatten(2).shape[-1]
    linear = nn.Linear(features, features, dtype=torch.float64)
    results = []
    for layer in (case["ours"], case["theirs"]):
        cur = linear(case["cur"].flatten(2)).view_as(case["cur"])
        spk, mem = run_layer(layer, cur, case["hidden"], case["output"])
        weights = [linear.weight, linear.bias]
        results.append([spk, mem, *gradients(layer, weights, spk, mem)])
    assert_equal(*results)


@reset_mechanisms
@pytest.mark.parametrize("name", ["fast_sigmoid", "atan", "straight_through_estimator", None])
def test_equal_to_snntorch_with_its_own_surrogate(reset_mechanism: str, name: str | None) -> None:
    """In float32, each library with its own spike function; None is the default of both."""
    results = []
    for leaky, room in ((Leaky, surrogate), (snntorch.Leaky, peer_surrogate)):
        torch.manual_seed(3)
        cur = torch.randn(20, 4, 6, requires_grad=True)
        spike_grad = None if name is None else getattr(room, name)()
        layer = leaky(0.8, spike_grad=spike_grad, reset_mechanism=reset_mechanism, learn_beta=True)
        spk, mem = run_layer(layer, cur)
        results.append([spk, mem, *gradients(layer, [cur], spk, mem)])
    assert results[0][0].sum() > 20
    assert_equal(*results, tolerance=1e-6)


@pytest.mark.parametrize(
    ("reset_mechanism", "expected"),
    [("subtract", [2.5, 0.25, 0.125]), ("zero", [2.5, 0, 0]), ("none", [2.5, 1.25, 0.625])],
)
def test_one_pulse_by_hand(reset_mechanism: str, expected: list[float]) -> None:
    lif = Leaky(0.5, reset_mechanism=reset_mechanism)
    spk, mem = run_layer(lif, torch.tensor([2.5, 0, 0]).view(3, 1, 1))
    assert mem.flatten().tolist() == expected
    assert spk.flatten().tolist() == [1, float(reset_mechanism == "none"), 0]


@reset_mechanisms
def test_a_membrane_at_threshold_does_not_fire(reset_mechanism: str) -> None:
    spk, mem = lif_step(torch.tensor([1.0]), torch.tensor([0.0]), 0.5, 1.0, None, reset_mechanism)
    assert (spk.item(), mem.item()) == (0, 1)
    _, mem = lif_step(torch.tensor([0.0]), mem, 0.5, 1.0, None, reset_mechanism)
    assert mem.item() == 0.5  # no reset either


def test_a_silent_neuron_stays_silent() -> None:
    """Tutorial 6 writes the reset as spk - threshold, and this neuron fires 181 times."""
    spk, mem = run_layer(Leaky(0.5), torch.full((200, 1, 1), 0.05))
    assert spk.sum() == 0
    assert mem[-1].item() == pytest.approx(0.1)


@given(st.floats(-3, 3), st.sampled_from(RESETS))
def test_beta_is_clamped_on_use(beta: float, reset_mechanism: str) -> None:
    """A learned beta may leave [0, 1]; the neuron must not."""
    cur, mem = torch.randn(2, 3), torch.randn(2, 3)
    clamped = min(max(beta, 0.0), 1.0)
    for value in (beta, torch.tensor(beta)):
        got = lif_step(cur, mem, value, reset_mechanism=reset_mechanism)
        want = lif_step(cur, mem, torch.tensor(clamped), reset_mechanism=reset_mechanism)
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("reset_mechanism", ["subtract", "zero"])
def test_gradient_through_the_reset(reset_mechanism: str) -> None:
    """One step, by hand: dU[1]/dU[0] with the reset attached and detached."""
    g, beta, threshold, u = surrogate.fast_sigmoid(5), 0.7, 0.9, 1.1
    slope = g.derivative(torch.tensor(u - threshold, dtype=torch.float64)).item()
    through = -threshold * slope if reset_mechanism == "subtract" else -beta * u * slope
    kept = beta if reset_mechanism == "subtract" else 0.0
    for detach, expected in ((True, kept), (False, kept + through)):
        mem = torch.tensor([u], dtype=torch.float64, requires_grad=True)
        cur = torch.zeros(1, dtype=torch.float64)
        _, new = lif_step(cur, mem, beta, threshold, g, reset_mechanism, detach)
        (gradient,) = torch.autograd.grad(new, mem)
        assert gradient.item() == pytest.approx(expected, rel=1e-12)
        lif = Leaky(
            torch.tensor(beta, dtype=torch.float64),
            torch.tensor(threshold, dtype=torch.float64),
            g,
            reset_mechanism=reset_mechanism,
            detach_reset=detach,
        )
        (of_module,) = torch.autograd.grad(lif(cur, mem)[1], mem)
        assert torch.equal(of_module, gradient)


def test_the_attached_reset_is_the_same_forward() -> None:
    cur = torch.randn(20, 3, 4)
    for mechanism in RESETS:
        records = [
            run_layer(Leaky(0.9, reset_mechanism=mechanism, detach_reset=detach), cur)
            for detach in (True, False)
        ]
        assert_equal(*records, tolerance=0)


@pytest.mark.parametrize("sample", [(3,), (3, 2), (3, 4, 5), (3, 2, 2, 2)])
def test_one_value_per_channel_runs_along_axis_one(sample: tuple[int, ...]) -> None:
    beta, threshold = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.5, 1.0, 2.0])
    cur = torch.rand(10, 2, *sample)
    for hidden in (False, True):
        spk, mem = run_layer(Leaky(beta, threshold, init_hidden=hidden), cur, hidden, False)
        for c in range(3):
            single = run_layer(Leaky(beta[c], threshold[c]), cur[:, :, c])
            assert_equal([spk[:, :, c], mem[:, :, c]], single, tolerance=0)


def test_state_follows_dtype() -> None:
    cur = torch.randn(2, 3)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        lif = Leaky(torch.full((3,), 0.5), init_hidden=True, output=True).to(dtype)
        for _ in range(2):
            assert {out.dtype for out in lif(cur.to(dtype))} == {dtype}
        assert lif.mem.dtype == lif.reset_mem().dtype == dtype
    lif = Leaky(0.5, init_hidden=True)
    lif(cur)
    assert lif.double().mem.dtype == torch.float64  # a running state goes along
    assert lif(cur.double()).dtype == torch.float64


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("current", [torch.float64, torch.float32, torch.int64])
@pytest.mark.parametrize("parameters", [torch.float64, torch.float32])
def test_the_membrane_has_the_type_that_torch_promotes_to(
    shape: tuple[int, ...], current: torch.dtype, parameters: torch.dtype
) -> None:
    beta, cur = torch.full(shape, 0.5, dtype=parameters), torch.ones(2, 3, dtype=current)
    spk, mem = Leaky(beta)(cur, torch.zeros(1))
    promoted = torch.result_type(cur, beta)
    assert (spk.dtype, mem.dtype) == (current if current.is_floating_point else promoted, promoted)


def test_state_follows_device() -> None:
    """The meta device stands in for an accelerator."""
    lif = Leaky(0.5, init_hidden=True, output=True)
    lif(torch.randn(2, 3))
    with pytest.raises(ValueError, match=r"input_ is on meta, .* mem on cpu.*utils\.reset"):
        lif(torch.randn(2, 3, device="meta"))
    lif.to("meta")
    assert lif.mem.device.type == "meta"
    for out in (*lif(torch.randn(2, 3, device="meta")), lif.reset_mem()):
        assert out.device.type == "meta"


def test_made_without_values_and_filled_by_a_state_dict() -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(3, 3), Leaky(0.5, init_hidden=True, output=True))
    assert "beta=a [] tensor without values" in repr(net)
    utils.reset(net)
    other = nn.Sequential(nn.Linear(3, 3), Leaky(0.7, init_hidden=True, output=True))
    net.to_empty(device="cpu").load_state_dict(other.state_dict())
    cur = torch.ones(2, 3)
    assert_equal(net(cur), other(cur), tolerance=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_equal_on_a_gpu() -> None:
    lif, cur = Leaky(0.5, init_hidden=True), torch.randn(10, 2, 3)
    here = run_layer(lif, cur, hidden=True)
    there = run_layer(lif.cuda(), cur.cuda(), hidden=True)
    assert_equal(here, [rec.cpu() for rec in there], tolerance=1e-6)


def test_state_is_never_shared_and_instances_are_not_kept() -> None:
    a, b = Leaky(0.5, init_hidden=True), Leaky(0.5, init_hidden=True)
    a(torch.ones(2, 3))
    assert b.mem.shape == ()
    b(torch.zeros(4, 3))
    assert a.mem.tolist() == [[1, 1, 1]] * 2
    given_beta = torch.tensor([0.5, 0.6])
    lif = Leaky(given_beta, learn_beta=True)
    given_beta.zero_()
    assert lif.beta.tolist() == pytest.approx([0.5, 0.6])
    gone = weakref.ref(a)
    del a
    gc.collect()
    assert gone() is None


def test_a_change_of_batch_size_is_an_error_that_names_reset() -> None:
    lif = Leaky(0.5, init_hidden=True)
    lif(torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"\[2, 3\].*\[4, 3\].*Call utils\.reset\(net\)"):
        lif(torch.ones(2, 3))
    assert lif.mem.shape == (4, 3)  # nothing was lost
    utils.reset(lif)
    assert lif(torch.ones(2, 3)).shape == (2, 3)
    lif = Leaky(0.5)
    _, mem = lif(torch.ones(4, 3), lif.init_leaky())
    with pytest.raises(ValueError, match=r"\[2, 3\].*\[4, 3\].*lif\.init_leaky\(\)"):
        lif(torch.ones(2, 3), mem)


def test_explicit_state_is_not_kept_inside() -> None:
    lif = Leaky(0.5)
    lif(torch.ones(2, 3), lif.init_leaky())
    assert lif.mem.shape == ()
    lif = Leaky(0.5, init_hidden=True)
    lif(torch.ones(2, 3))
    assert lif.init_leaky().tolist() == 0
    assert lif.mem.shape == ()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold", -0.56, r"Layer '1': threshold must be finite and above 0, got -0\.56.*clamp"),
        ("threshold", 0.0, r"Layer '1': threshold must be finite and above 0, got 0"),
        ("threshold", math.inf, r"Layer '1': threshold must be finite"),
        ("threshold", math.nan, r"Layer '1': threshold contains NaN"),
        ("beta", math.nan, r"Layer '1': beta contains NaN"),
    ],
)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_parameter_that_left_its_range_is_named_before_the_next_run(
    shape: tuple[int, ...], name: str, value: float, message: str
) -> None:
    lif = Leaky(torch.full(shape, 0.5), torch.ones(shape), learn_beta=True, learn_threshold=True)
    net = nn.Sequential(nn.Linear(3, 3), lif)
    utils.reset(net)
    with torch.no_grad():
        getattr(lif, name).view(-1)[-1] = value
    with pytest.raises(ValueError, match=message.replace("got ", "got .*")):
        utils.reset(net)
    with pytest.raises(ValueError, match=message.removeprefix("Layer '1': ").split(",")[0]):
        lif.init_leaky()
    with torch.no_grad():
        lif.beta.fill_(1.3)
        lif.threshold.fill_(0.2)
    utils.reset(net)  # a learned beta is clamped on use


def test_a_second_backward_without_reset_names_the_remedy() -> None:
    """And only where torch's own error would come: never with a reset, a cut or a kept graph."""
    net = nn.Sequential(
        nn.Linear(3, 4), Leaky(0.9, init_hidden=True), nn.Linear(4, 2), Leaky(0.9, init_hidden=True)
    )

    def loss(steps: int) -> Tensor:
        return torch.stack([net(torch.ones(2, 3)) for _ in range(steps)]).sum()

    for steps in (1, 2, 5):
        utils.reset(net)
        loss(steps).backward()
        continued = loss(steps)  # as long as nobody asks for gradients, this is fine
        with pytest.raises(RuntimeError, match=r"utils\.reset\(net\).*utils\.detach\(net\)"):
            continued.backward()
        utils.reset(net)
        for prepare in (utils.reset, utils.detach, utils.detach):
            loss(steps).backward()
            prepare(net)
        loss(steps).backward(retain_graph=True)
        loss(steps).backward()
    lif, mem = Leaky(0.9, learn_beta=True), torch.zeros(1)
    for _ in range(2):
        _, mem = lif(torch.ones(2, 3), mem)
    mem.sum().backward()
    with pytest.raises(RuntimeError, match=r"lif\.init_leaky\(\).*mem\.detach\(\)"):
        lif(torch.ones(2, 3), mem)[1].sum().backward()
    lif(torch.ones(2, 3), mem.detach())[1].sum().backward()


def test_detach_keeps_the_values() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(Leaky(0.9, init_hidden=True)))
    net(torch.ones(2, 3))
    before = net[1][0].mem
    utils.detach(net)
    assert torch.equal(net[1][0].mem, before) and not net[1][0].mem.requires_grad
    with pytest.raises(TypeError, match=r"nn\.Module, got list"):
        utils.detach([net])


def test_one_number_as_a_membrane_broadcasts() -> None:
    """Tutorial 3 of snnTorch starts from torch.zeros(1)."""
    lif, cur = Leaky(0.5), torch.rand(2, 3)
    expected = lif(cur, lif.init_leaky())
    torch.testing.assert_close(lif(input_=cur, mem=torch.zeros(1)), expected)
    hidden = Leaky(0.5, init_hidden=True)
    hidden(torch.ones(1))
    with pytest.raises(ValueError, match=r"\[2, 3\].*\[1\].*utils\.reset"):
        hidden(cur)


def test_printed_with_its_settings() -> None:
    text = repr(Leaky(0.5, spike_grad=surrogate.fast_sigmoid(), init_hidden=True))
    for part in ("beta=0.5", "threshold=1", "fast_sigmoid(slope=25)", "'subtract'", "init_hidden"):
        assert part in text
    assert "output" not in text
    assert "a [2] tensor from 0.1 to 0.9" in repr(Leaky(torch.tensor([0.1, 0.9])))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"beta": 1.2}, ValueError, r"beta must lie between 0 and 1, got 1\.2.*exp\(-dt/tau\)"),
        ({"beta": -0.1}, ValueError, r"between 0 and 1, got -0\.1"),
        ({"beta": math.nan}, ValueError, r"beta contains NaN"),
        ({"beta": torch.tensor([0.5, 1.5])}, ValueError, r"a \[2\] tensor from 0\.5 to 1\.5"),
        ({"beta": torch.empty(0)}, ValueError, r"beta is empty: its shape is \[0\]"),
        ({"beta": "slow"}, TypeError, r"beta must be a real number or a .*, got 'slow'"),
        ({"threshold": 0}, ValueError, r"threshold must be finite and above 0, got 0"),
        ({"threshold": -1.0}, ValueError, r"above 0, got -1"),
        ({"threshold": math.inf}, ValueError, r"threshold must be finite"),
        ({"threshold": math.nan}, ValueError, r"threshold contains NaN"),
        ({"reset_mechanism": "soft"}, ValueError, r"'subtract', 'zero', 'none'.*got 'soft'"),
        ({"spike_grad": 25}, TypeError, r"surrogate\.fast_sigmoid\(slope=25\), got 25"),
        ({"init_hidden": "False"}, TypeError, r"init_hidden must be True or False, got 'False'"),
        ({"learn_beta": "no"}, TypeError, r"learn_beta must be True or False, got 'no'"),
        ({"learn_threshold": torch.ones(3)}, TypeError, r"learn_threshold must be True or False"),
        ({"output": 1}, TypeError, r"output must be True or False, got 1"),
        ({"inhibition": "False"}, TypeError, r"inhibition must be True or False"),
        ({"detach_reset": None}, TypeError, r"detach_reset must be True or False, got None"),
    ],
)
def test_bad_arguments(kwargs: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Leaky(**{"beta": 0.5, **kwargs})


def test_bad_calls() -> None:
    explicit, hidden = Leaky(0.5), Leaky(0.5, init_hidden=True)
    cur = torch.zeros(2, 3)
    with pytest.raises(TypeError, match=r"membrane is missing.*lif\.init_leaky\(\)"):
        explicit(cur)
    with pytest.raises(TypeError, match=r"keeps its own membrane \(init_hidden=True\)"):
        hidden(cur, cur)
    with pytest.raises(TypeError, match=r"input_, .*must be a tensor.*got list.*as_tensor"):
        hidden([1.0, 2.0])
    with pytest.raises(TypeError, match=r"mem, .*must be a tensor, got float.*init_leaky"):
        explicit(cur, 0.0)
    for name in ("beta", "threshold"):
        lif = Leaky(**{"beta": 0.5, name: torch.tensor([0.5, 0.5])}, init_hidden=True)
        with pytest.raises(ValueError, match=rf"{name} has the shape \[2\].*\[2, 3\].*per channel"):
            lif(cur)
    with pytest.raises(ValueError, match=r"'subtract', 'zero', 'none'.*got 'Zero'"):
        lif_step(cur, cur, 0.5, reset_mechanism="Zero")
    with pytest.raises(TypeError, match=r"must return the spikes.*got NoneType.*return\?"):
        Leaky(0.5, spike_grad=lambda overdrive: None, init_hidden=True)(cur)
    with pytest.raises(TypeError, match=r"of the shape \[2, 3\].*got \[2\]"):
        Leaky(0.5, spike_grad=lambda overdrive: overdrive.sum(1), init_hidden=True)(cur)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("reset_mechanism", "Zero", ValueError, r"reset_mechanism must be .*got 'Zero'"),
        ("detach_reset", "no", TypeError, r"detach_reset must be True or False, got 'no'"),
        ("init_hidden", "False", TypeError, r"init_hidden must be True or False, got 'False'"),
        ("output", 1, TypeError, r"output must be True or False, got 1"),
        ("spike_grad", surrogate.atan, TypeError, r"spike_grad is the class atan itself"),
        ("inhibition", True, ValueError, r"inhibition = True .*changes nothing.*one_hot"),
        ("graded_spikes_factor", 2.0, ValueError, r"graded_spikes_factor = 2\.0 .*factor \* lif"),
    ],
)
def test_a_setting_that_is_changed_later_is_checked_before_the_next_run(
    name: str, value: object, error: type[Exception], message: str
) -> None:
    """As "Zero" a reset would count as none, without a word."""
    lif = Leaky(0.5, init_hidden=True)
    setattr(lif, name, value)
    with pytest.raises(error, match=message):
        utils.reset(nn.Sequential(lif))
    with pytest.raises(error, match=message):
        lif.init_leaky()


@pytest.mark.parametrize("mem", [None, 0.0])
def test_a_membrane_that_is_no_tensor_names_the_way_to_start_anew(mem: object) -> None:
    lif = Leaky(0.5, init_hidden=True)
    lif.mem = mem
    with pytest.raises(RuntimeError, match=rf"mem is {mem}: utils\.reset\(net\) starts anew"):
        lif(torch.ones(2, 3))
    utils.reset(lif)
    assert lif(torch.ones(2, 3)).shape == (2, 3)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_currents_of_whole_numbers_give_spikes_with_a_gradient(dtype: torch.dtype) -> None:
    """As in snnTorch. Spikes of whole numbers would cut the gradient of threshold, silently."""
    cur = torch.tensor([[2, 0, 1]]).to(dtype)
    layers = [make(0.5, learn_threshold=True) for make in (Leaky, snntorch.Leaky)]
    gradients = []
    for layer in layers:
        given = cur if isinstance(layer, Leaky) else cur.float()  # snnTorch takes no bool here
        spk, mem = layer(given, layer.init_leaky())
        assert spk.dtype == mem.dtype == torch.float32
        gradients.append(torch.autograd.grad(spk.sum(), layer.threshold)[0].squeeze())
    torch.testing.assert_close(*gradients)
