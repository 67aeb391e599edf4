"""The Triton kernels against the plain loop. Run by test_triton.py: interpreted, or on a GPU."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tutorial_lib import Leaky, networks, surrogate
from tutorial_lib.fast import lif, triton_kernels
from tutorial_lib.simulation import forward_pass

MECHANISMS = ["subtract", "zero", "none"]
G = surrogate.fast_sigmoid(5)
DEVICE = "cpu" if os.environ["TRITON_INTERPRET"] == "1" else "cuda"


def with_kernels(run: Any, wanted: bool) -> Any:
    """Run with the kernels, and see that they were called; or without them."""
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        if not wanted:
            patch.setattr(lif, "_kernels", lambda mem: None)
        for name in ("forward_steps", "backward_steps"):
            original = getattr(triton_kernels, name)

            def counting(*args: Any, original: Any = original, name: str = name) -> None:
                calls.append(name)
                original(*args)

            patch.setattr(triton_kernels, name, counting)
        result = run()
    assert bool(calls) == wanted
    return result


def assert_equal(run: Any, tolerance: float) -> None:
    """Spikes identical; other results up to rounding, relative to the largest of each."""
    plain, kernels = (with_kernels(run, wanted) for wanted in (False, True))
    assert torch.equal(plain[0], kernels[0]) and plain[0].stride() == kernels[0].stride()
    for a, b in zip(plain, kernels, strict=True):
        assert a.dtype == b.dtype
        scale = max(1.0, float(a.detach().abs().max()))
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * scale)


def laid_out(cur: Tensor, layout: str) -> Tensor:
    """The same values, in another order in memory or with gaps."""
    if layout == "channels_last" and cur.ndim >= 4:
        return cur.movedim(-3, -1).contiguous().movedim(-1, -3)
    if layout == "strided":
        return cur.repeat_interleave(2, dim=-1)[..., ::2]
    if layout == "batch_first":
        return cur.transpose(0, 1).contiguous().transpose(0, 1)
    return cur


@pytest.mark.parametrize("mechanism", MECHANISMS)
@settings(max_examples=30 if DEVICE == "cpu" else 10)  # each variant is compiled there
@given(
    steps=st.integers(1, 6),
    # The last shape is more than one block of 256 neurons.
    shape=st.sampled_from([(1, 1), (3, 5), (2, 3, 4, 4), (1, 4, 1, 1), (2, 200)]),
    dtypes=st.sampled_from(
        [
            (torch.float32, torch.float32),
            (torch.float64, torch.float64),
            (torch.bfloat16, torch.float32),
        ]
    ),
    detach=st.booleans(),
    constant=st.booleans(),
    keep_mem=st.booleans(),
    per_neuron=st.tuples(st.sampled_from(["one", "channel", "all"]), st.booleans()),
    layout=st.sampled_from(["contiguous", "channels_last", "strided", "batch_first"]),
    seed=st.integers(0, 2**31),
)
def test_equal_to_the_loop(  # noqa: PLR0913
    mechanism: str,
    steps: int,
    shape: tuple[int, ...],
    dtypes: tuple[torch.dtype, torch.dtype],
    detach: bool,
    constant: bool,
    keep_mem: bool,
    per_neuron: tuple[str, bool],
    layout: str,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    cur_dtype, dtype = dtypes
    channels = (shape[1], *[1] * (len(shape) - 2))
    sizes = {"one": (), "channel": channels, "all": shape[1:]}
    of_beta, of_threshold = per_neuron[0], per_neuron[0] if per_neuron[1] else "one"
    options = {"dtype": dtype, "device": DEVICE}
    layer = Leaky(
        torch.empty(sizes[of_beta], **options).uniform_(0, 1),
        torch.empty(sizes[of_threshold], **options).uniform_(0.2, 1),
        G, reset_mechanism=mechanism, detach_reset=detach, learn_beta=True, learn_threshold=True,
    )  # fmt: skip
    shape = shape if constant else (steps, *shape)
    cur = laid_out(torch.randn(shape, device=DEVICE).to(cur_dtype), layout)
    cur.requires_grad_()

    def run() -> list[Tensor]:
        given = cur if constant else [cur.flatten(0, 1)]
        (spk,), mem, last = lif.lif_sequence(layer, given, [steps], keep_mem=keep_mem)
        weight = torch.linspace(-1, 1, spk.numel(), **options).view(spk.shape)
        loss = (weight * spk).sum()
        for record in mem:
            loss = loss + (weight.flip(0) * record).sum()
        return [spk, *mem, last, *torch.autograd.grad(loss, [cur, *layer.parameters()])]

    assert_equal(run, 1e-12 if dtype == torch.float64 else 1e-5)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("constant", [False, True])
def test_without_a_gradient(mechanism: str, constant: bool) -> None:
    """The membrane of the last step alone is kept."""
    cur = torch.randn((3, 5) if constant else (4, 3, 5), device=DEVICE)
    layer = Leaky(0.8, 0.5, G, reset_mechanism=mechanism).to(DEVICE)

    def run() -> tuple[Tensor, Tensor]:
        given = cur if constant else [cur.flatten(0, 1)]
        (spk,), _, last = lif.lif_sequence(layer, given, [4], keep_mem=False)
        return spk, last

    assert_equal(run, 1e-6)
    assert with_kernels(run, True)[1].shape == (3, 5)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_course_network(mechanism: str) -> None:
    net = networks.conv_net(0.9, G, threshold=0.3, reset_mechanism=mechanism, detach_reset=False)
    net, data = net.to(DEVICE), torch.rand(2, 1, 28, 28, device=DEVICE)

    def run() -> list[Tensor]:
        spk_rec, mem_rec = forward_pass(net, 3, data, schedule="layer")
        loss = spk_rec.mean() + mem_rec.square().mean()
        return [spk_rec, mem_rec, *torch.autograd.grad(loss, list(net.parameters()))]

    assert with_kernels(run, False)[0].any()
    assert_equal(run, 1e-5)
