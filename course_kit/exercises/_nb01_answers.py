"""Notebook 01: answers to its exercises, right ones and those that misconceptions lead to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib import neurons, surrogate

Slope = Callable[[Tensor], Tensor]
Gradient = Callable[..., Tensor]


# The fast sigmoid as an autograd function


class FastSigmoid(torch.autograd.Function):
    """The reference."""

    @staticmethod
    def forward(ctx, overdrive, slope):  # noqa: ANN001, ANN205
        ctx.save_for_backward(overdrive)
        ctx.slope = slope
        return (overdrive > 0).to(overdrive.dtype)

    @staticmethod
    def backward(ctx, grad_output):  # noqa: ANN001, ANN205
        (overdrive,) = ctx.saved_tensors
        surrogate_slope = 1 / (1 + ctx.slope * overdrive.abs()) ** 2
        return grad_output * surrogate_slope, None


def fast_sigmoid_stub() -> type:
    """What the notebook holds: the forward pass, and a backward pass to write."""

    class MyFastSigmoid(torch.autograd.Function):
        @staticmethod
        def forward(ctx, overdrive, slope):  # noqa: ANN001, ANN205
            ctx.save_for_backward(overdrive)
            ctx.slope = slope
            return (overdrive > 0).to(overdrive.dtype)

        @staticmethod
        def backward(ctx, grad_output): ...  # noqa: ANN001, ANN205

    return MyFastSigmoid


def fast_sigmoid_in_place() -> type:
    """Computes the slope on the forward pass, in place; single precision only."""

    class InPlace(torch.autograd.Function):
        @staticmethod
        def forward(ctx, overdrive, slope):  # noqa: ANN001, ANN205
            root = overdrive.abs().mul_(slope).add_(1).reciprocal_()
            ctx.save_for_backward(root.square_())
            return (overdrive > 0).float()

        @staticmethod
        def backward(ctx, grad_output):  # noqa: ANN001, ANN205
            return ctx.saved_tensors[0] * grad_output, None

    return InPlace


def fast_sigmoid_set_up() -> type:
    """The newer style of PyTorch, with setup_context; the formula by cases."""

    class SetUp(torch.autograd.Function):
        @staticmethod
        def forward(overdrive, slope):  # noqa: ANN001, ANN205
            return torch.where(overdrive > 0, torch.ones_like(overdrive), 0.0)

        @staticmethod
        def setup_context(ctx, inputs, output):  # noqa: ANN001, ANN205
            ctx.save_for_backward(inputs[0])
            ctx.slope = inputs[1]

        @staticmethod
        def backward(ctx, grad_output):  # noqa: ANN001, ANN205
            (x,) = ctx.saved_tensors
            scaled = ctx.slope * torch.where(x > 0, x, -x)
            return grad_output * (1 + 2 * scaled + scaled.pow(2)).pow(-1), None

    return SetUp


def wrong_fast_sigmoid(slip: str) -> Callable[[], type]:
    """Make the maker of an autograd function that is wrong in one way."""
    slopes: dict[str, Callable[[Tensor, float], Tensor]] = {
        "no square": lambda x, k: 1 / (1 + k * x.abs()),
        "square of kx": lambda x, k: 1 / (1 + (k * x) ** 2),
        "no absolute value": lambda x, k: 1 / (1 + k * x) ** 2,
        "chain rule of kx": lambda x, k: k / (1 + k * x.abs()) ** 2,
        "normalized": lambda x, k: k / 2 / (1 + k * x.abs()) ** 2,
        "primitive": lambda x, k: x / (1 + k * x.abs()),
        "true derivative": lambda x, k: torch.zeros_like(x),
        "membrane": lambda x, k: 1 / (1 + k * (x + 1).abs()) ** 2,
        "fixed slope": lambda x, k: 1 / (1 + 25 * x.abs()) ** 2,
    }

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, overdrive, slope):  # noqa: ANN001, ANN205
            spk = (overdrive > 0).to(overdrive.dtype)
            if slip == "smooth forward":
                spk = overdrive / (1 + slope * overdrive.abs())
            if slip == "at threshold":
                spk = (overdrive >= 0).to(overdrive.dtype)
            ctx.save_for_backward(spk if slip == "saves spikes" else overdrive)
            ctx.slope = slope
            if slip == "forward returns nothing":
                return None
            return overdrive > 0 if slip == "truth values" else spk

        @staticmethod
        def backward(ctx, grad_output):  # noqa: ANN001, ANN205
            (saved,) = ctx.saved_tensors
            slope_at = slopes.get(slip, lambda x, k: 1 / (1 + k * x.abs()) ** 2)
            slope = slope_at(saved, ctx.slope)
            if slip == "returns nothing":
                return None
            if slip == "drops the error":
                return slope, None
            if slip == "one gradient":
                return grad_output * slope
            return (None, grad_output * slope) if slip == "order" else (grad_output * slope, None)

    return lambda: Wrong


# The gradient of one neuron, by hand


def gradient_by_hand(w, inputs, error, slope_at, detach_reset, beta=0.9, theta=1.0):  # noqa: ANN001, ANN201
    """The reference: dL/dw, where error[t] is the partial derivative of L by S[t]."""
    mem = dmem_dw = gradient = torch.zeros((), dtype=torch.float64)
    for x_t, error_t in zip(inputs, error, strict=True):
        factor = beta if detach_reset else beta - theta * slope_at(mem - theta)
        mem = beta * mem + w * x_t - theta * (mem > theta)
        dmem_dw = factor * dmem_dw + x_t
        gradient = gradient + error_t * slope_at(mem - theta) * dmem_dw
    return gradient


def gradient_by_autograd() -> Gradient:
    """The library's step, and autograd."""

    def gradient(w, inputs, error, slope_at, detach_reset, beta=0.9, theta=1.0):  # noqa: ANN001, ANN202
        w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
        spike_grad = surrogate.from_derivative(slope_at)
        mem = loss = torch.zeros((), dtype=torch.float64)
        for x_t, error_t in zip(inputs, error, strict=True):
            spk, mem = neurons.lif_step(
                w * x_t, mem, beta, theta, spike_grad, detach_reset=detach_reset
            )
            loss = loss + error_t * spk
        return torch.autograd.grad(loss, w)[0]

    return gradient


def gradient_by_products() -> Gradient:
    """Vectorized: first all membranes, then every pair of steps; returns a plain number."""

    def gradient(w, inputs, error, slope_at, detach_reset, beta=0.9, theta=1.0):  # noqa: ANN001, ANN202
        mem, mems = 0.0, []
        for x_t in inputs.tolist():
            mem = beta * mem + w * x_t - theta * float(mem > theta)
            mems.append(mem)
        slopes = slope_at(torch.tensor(mems, dtype=torch.float64) - theta)
        factors = beta - (0.0 if detach_reset else theta) * slopes
        total = 0.0
        for t in range(len(mems)):
            for s in range(t + 1):
                total += error[t] * slopes[t] * factors[s:t].prod() * inputs[s]
        return float(total)

    return gradient


def gradient_backward_in_time() -> Gradient:
    """The other direction: the error runs back from the last step to the first, in place."""

    def gradient(w, inputs, error, slope_at, detach_reset, beta=0.9, theta=1.0):  # noqa: ANN001, ANN202
        mem, x = torch.zeros(len(inputs) + 1, dtype=torch.float64), w * inputs
        for t in range(len(inputs)):
            mem[t + 1] = beta * mem[t] + x[t] - theta * (mem[t] > theta)
        slopes, delta, total = slope_at(mem - theta), 0.0, torch.zeros(1, dtype=torch.float64)
        for t in reversed(range(len(inputs))):
            delta = delta + error[t] * slopes[t + 1]
            total += delta * inputs[t]
            delta = delta * (beta if detach_reset else beta - theta * slopes[t])
        return total

    return gradient


def wrong_gradient(slip: str) -> Callable[[], Gradient]:
    """Make the maker of a gradient that is wrong in one way."""

    def gradient(w, inputs, error, slope_at, detach_reset, beta=0.9, theta=1.0):  # noqa: ANN001, ANN202
        if slip == "fixed numbers":
            beta, theta = 0.9, 1.0
        mem = dmem_dw = total = torch.zeros((), dtype=torch.float64)
        for x_t, error_t in zip(inputs, error, strict=True):
            old = mem
            mem = beta * mem + w * x_t
            if slip == "same step":
                mem = mem - theta * beta * (old > theta)
            elif slip != "no reset":
                mem = mem - theta * (old > theta)
            at = mem - theta if slip == "late slope" else old - theta
            reset_slope = theta * slope_at(at)
            if slip == "plus":
                reset_slope = -reset_slope
            detached = (detach_reset or slip == "never attached") and slip != "never detached"
            factor = beta if detached else beta - reset_slope
            factor = {"no memory": 0.0, "no leak": 1.0}.get(slip, factor)
            dmem_dw = factor * dmem_dw + {"no input": 1.0, "times w": w * x_t}.get(slip, x_t)
            at = {"membrane": mem, "old slope": old - theta}.get(slip, mem - theta)
            slope = {"true derivative": 0.0, "no slope": 1.0}.get(slip, slope_at(at))
            term = slope * dmem_dw * (1.0 if slip == "no error" else error_t)
            total = term if slip == "last step only" else total + term
        return total

    return lambda: gradient


# A surrogate of one's own


def own_slope(x: Tensor) -> Tensor:
    """The reference: a two-sided exponential of area 1."""
    return torch.exp(-2 * x.abs())


def slope_maker(function: Slope) -> Callable[[], Slope]:
    """Make the maker of a slope, as an ordinary function."""

    def slope(x: Tensor) -> Tensor:
        return function(x)

    return lambda: slope
