r"""Surrogate gradients: a spike on the forward pass, a smooth slope on the backward pass.

Every surrogate is a small callable of the overdrive :math:`x = U - U_\mathrm{thr}`:

* forward, all of them: the Heaviside step :math:`S = 1` where :math:`x > 0`, else 0;
* backward, each its own: ``derivative(x)`` stands in for the true :math:`dS/dx`, which is 0
  almost everywhere.

``primitive(x)`` is the function whose exact derivative is ``derivative(x)``; ``peak`` is the
derivative at :math:`x = 0`; ``area`` is its integral over all :math:`x`. Two surrogates with the
same area push as hard in total; two with the same peak push as hard at threshold.

:data:`SURROGATES` lists by name those that need no function: they compare by value, print as they
are written, and can be pickled. Their parameter must be a finite number above 0: another number is
a ValueError, anything else a TypeError. Tests, the surrogate explorer, the gallery of notebook 01
and the book read the list, so one more surrogate is one more class here, under ``@_listed``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, dataclass_transform

import torch
from torch import Tensor

from . import _checks, _snntorch

__all__ = [
    "SURROGATES",
    "Surrogate",
    "atan",
    "boxcar",
    "fast_sigmoid",
    "fast_sigmoid_normalized",
    "from_derivative",
    "from_primitive",
    "gaussian",
    "sigmoid",
    "straight_through_estimator",
    "triangular",
]


class _Spike(torch.autograd.Function):
    """Heaviside forward, surrogate backward: the one autograd function behind all surrogates."""

    @staticmethod
    def forward(ctx, overdrive: Tensor, surrogate: Surrogate) -> Tensor:  # noqa: ANN001
        ctx.save_for_backward(overdrive)
        ctx.surrogate = surrogate
        return (overdrive > 0).to(overdrive.dtype)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, None]:  # noqa: ANN001
        (overdrive,) = ctx.saved_tensors
        return grad_output * ctx.surrogate.derivative(overdrive), None


def _of_a_tensor(function: Callable[[Surrogate, Tensor], Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(function)
    def checked(self: Surrogate, x: Tensor) -> Tensor:
        return function(self, _checks.tensor("x", x, meta=True))

    return checked


class Surrogate:
    """Base of all surrogates. Subclasses give ``derivative``, ``primitive`` and ``area``.

    A subclass has at most one parameter: a slope, or a width if it sets ``by_width``.
    """

    by_width: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """What a subclass gives looks at its argument first."""
        for name in ("derivative", "primitive"):
            if name in vars(cls):
                setattr(cls, name, _of_a_tensor(vars(cls)[name]))

    def __post_init__(self) -> None:
        """Check each parameter; scalars of NumPy and torch become numbers that compare and hash."""
        for field in fields(self):
            value = getattr(self, field.name)
            number = _in_range(field.name, value)
            if type(value) not in (int, float):
                object.__setattr__(self, field.name, number)

    @classmethod
    def with_slope(cls, slope: float) -> Surrogate:
        """Return the surrogate of this slope :math:`k`; one with a width gets the width 1/k.

        What has no parameter, such as the straight-through estimator, is the same for every slope.

        Raises:
            ValueError: if ``slope`` is not a finite number above 0.
            TypeError: if it is no number.
        """
        number = _in_range("slope", slope)
        if not (is_dataclass(cls) and fields(cls)):
            return cls()
        if fields(cls)[0].name == "function":
            raise TypeError(
                f"{cls.__name__} takes a function, whose slope is its own; got slope={slope!r}. "
                "Write the slope into the function."
            )
        return cls(max(1 / number, 1e-30) if cls.by_width else slope)

    def __call__(self, overdrive: Tensor) -> Tensor:
        """Return the spikes, 1.0 where ``overdrive > 0`` and 0.0 elsewhere.

        Args:
            overdrive: membrane potential minus threshold, any shape, a floating-point tensor.

        Returns:
            A tensor of the same shape and dtype, whose gradient is ``derivative(overdrive)``.

        Raises:
            TypeError: if ``overdrive`` is not a dense floating-point tensor with values.
        """
        return _Spike.apply(
            _checks.tensor("overdrive, mem - threshold,", overdrive, meta=True), self
        )

    @property
    def peak(self) -> float:
        """The derivative at the threshold, :math:`x = 0`."""
        return self.derivative(torch.zeros((), dtype=torch.float64, device="cpu")).item()

    def derivative(self, x: Tensor) -> Tensor:
        """The slope used on the backward pass, elementwise."""
        raise self._undefined("derivative")

    def primitive(self, x: Tensor) -> Tensor:
        """The smooth function whose derivative is ``derivative``, elementwise."""
        raise self._undefined("primitive")

    def _undefined(self, what: str) -> TypeError:
        return TypeError(
            f"{type(self).__name__} defines no {what}(x). Define it in a subclass, or give it as a "
            f"function to from_{what}."
        )


def _in_range(name: str, value: float) -> float:
    number = _checks.positive(name, value)
    if not 1e-30 <= number <= 1e30:
        raise ValueError(
            f"{name} must lie between 1e-30 and 1e30, got {value!r}: with it the derivative would "
            "overflow float32."
        )
    return number


SURROGATES: dict[str, type[Surrogate]] = {}
"""The surrogates that need no function from you, by name, in the order in which they stand here."""


@dataclass_transform(frozen_default=True)
def _listed(kind: type) -> type:
    """Make a class a frozen dataclass, and list it."""
    SURROGATES[kind.__name__] = dataclass(frozen=True)(kind)
    return SURROGATES[kind.__name__]


@_listed
class fast_sigmoid(Surrogate):
    r"""Fast sigmoid as tutorial 6 and snnTorch write it, *not* normalized.

    .. math:: \frac{d\tilde S}{dx} = \frac{1}{(1 + k|x|)^2}, \qquad
              \tilde S(x) = \frac{x}{1 + k|x|}

    Peak 1 for every ``slope`` :math:`k`, area :math:`2/k`. A larger :math:`k` makes it narrower and
    *weaker*: it tends to 0, not to a Dirac delta. See :class:`fast_sigmoid_normalized`.

    Source: Zenke & Ganguli (2018), Neural Computation 30(6), where it is called SuperSpike.

    Args:
        slope: steepness :math:`k > 0`, in inverse units of the membrane potential.
    """

    slope: float = 25

    def derivative(self, x: Tensor) -> Tensor:
        return _inverse_square(x, self.slope)

    def primitive(self, x: Tensor) -> Tensor:
        return x / (1 + self.slope * x.abs())

    @property
    def area(self) -> float:
        return 2 / self.slope


@_listed
class fast_sigmoid_normalized(Surrogate):
    r"""Fast sigmoid scaled to area 1: the one that tends to a Dirac delta as :math:`k` grows.

    .. math:: \frac{d\tilde S}{dx} = \frac{k/2}{(1 + k|x|)^2}, \qquad
              \tilde S(x) = \frac12 + \frac{k}{2}\,\frac{x}{1 + k|x|}

    Peak :math:`k/2`, area 1; its primitive rises from 0 to 1.

    Source: the scaling that Zenke & Vogels (2021), Neural Computation 33(4), compare.

    Args:
        slope: steepness :math:`k > 0`, in inverse units of the membrane potential.
    """

    slope: float = 25
    area: ClassVar[float] = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        return self.slope / 2 * _inverse_square(x, self.slope)

    def primitive(self, x: Tensor) -> Tensor:
        return 0.5 + x / (2 * (1 / self.slope + x.abs()))  # no overflow in half precision


@_listed
class atan(Surrogate):
    r"""Arctangent: heavy tails, so far-away neurons still learn.

    .. math:: \frac{d\tilde S}{dx} = \frac{\alpha/2}{1 + (\frac{\pi}{2}\alpha x)^2}, \qquad
              \tilde S(x) = \frac12 + \frac{1}{\pi}\arctan\left(\frac{\pi}{2}\alpha x\right)

    Peak :math:`\alpha/2`, area 1. The default of :class:`tutorial_lib.Leaky`, as of snnTorch's.

    Source: Fang et al. (2021), ICCV.

    Args:
        alpha: steepness :math:`\alpha > 0`, in inverse units of the membrane potential.
    """

    alpha: float = 2.0
    area: ClassVar[float] = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        return self.alpha / 2 / (1 + (math.pi / 2 * self.alpha * x).square())

    def primitive(self, x: Tensor) -> Tensor:
        return 0.5 + torch.atan(math.pi / 2 * self.alpha * x) / math.pi


@_listed
class sigmoid(Surrogate):
    r"""Logistic sigmoid.

    .. math:: \frac{d\tilde S}{dx} = k\,\sigma(kx)\,\sigma(-kx), \qquad \tilde S(x) = \sigma(kx)

    Peak :math:`k/4`, area 1. Written with two sigmoids, it stays finite for every input (snnTorch
    1.0.0 writes it with an exponential, which gives NaN below about :math:`x = -89/k`).

    Source: Zenke & Ganguli (2018), Neural Computation 30(6).

    Args:
        slope: steepness :math:`k > 0`, in inverse units of the membrane potential.
    """

    slope: float = 25
    area: ClassVar[float] = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        return self.slope * (torch.sigmoid(self.slope * x) * torch.sigmoid(-self.slope * x))

    def primitive(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.slope * x)


@_listed
class triangular(Surrogate):
    r"""A true triangle around the threshold.

    .. math:: \frac{d\tilde S}{dx} = \frac{1}{\theta}\max\left(0, 1 - \frac{|x|}{\theta}\right)

    Peak :math:`1/\theta`, area 1, zero outside :math:`|x| < \theta`: neurons further away do not
    learn. snnTorch's function of this name is no triangle: it is :math:`+\theta` below threshold
    and :math:`-\theta` above.

    Source: Bellec et al. (2018), NeurIPS (there with a dampening factor).

    Args:
        threshold: half width :math:`\theta > 0`, in units of the membrane potential.
    """

    threshold: float = 1.0
    by_width: ClassVar[bool] = True
    area: ClassVar[float] = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        return (1 - x.abs() / self.threshold).clamp_min(0) / self.threshold

    def primitive(self, x: Tensor) -> Tensor:
        u = (x / self.threshold).clamp(-1, 1)
        return 0.5 + u - u * u.abs() / 2


@_listed
class boxcar(Surrogate):
    r"""A box around the threshold.

    .. math:: \frac{d\tilde S}{dx} = \frac{1}{w} \quad\text{for } |x| < \frac{w}{2},
              \text{ else } 0

    Peak :math:`1/w`, area 1.

    Source: Esser et al. (2016), PNAS 113(41), for the idea of a window around the threshold.

    Args:
        width: full width :math:`w > 0`, in units of the membrane potential.
    """

    width: float = 1.0
    by_width: ClassVar[bool] = True
    area: ClassVar[float] = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        return (x.abs() < self.width / 2).to(x.dtype) / self.width

    def primitive(self, x: Tensor) -> Tensor:
        return 0.5 + (x / self.width).clamp(-0.5, 0.5)


@_listed
class gaussian(Surrogate):
    r"""A normal density around the threshold.

    .. math:: \frac{d\tilde S}{dx} = \frac{1}{\sigma\sqrt{2\pi}}\,e^{-x^2 / 2\sigma^2}, \qquad
              \tilde S(x) = \Phi(x/\sigma)

    Peak :math:`1/(\sigma\sqrt{2\pi})`, area 1; its tails vanish faster than those of any
    surrogate here that is nowhere zero.

    Source: Yin, Corradi & Bohte (2021), Nature Machine Intelligence 3, 905-913.

    Args:
        sigma: standard deviation :math:`\sigma > 0`, in units of the membrane potential.
    """

    sigma: float = 0.5
    by_width: ClassVar[bool] = True
    area: ClassVar[float] = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        highest = 1 / (self.sigma * math.sqrt(2 * math.pi))
        return torch.exp(-(x / self.sigma).square() / 2) * highest

    def primitive(self, x: Tensor) -> Tensor:
        return torch.special.ndtr(x / self.sigma)


@_listed
class straight_through_estimator(Surrogate):
    r"""Straight-through estimator: the step is treated as the identity on the backward pass.

    .. math:: \frac{d\tilde S}{dx} = 1, \qquad \tilde S(x) = x

    Peak 1, area infinite: every neuron learns, however far from its threshold.

    Source: Bengio, Leonard & Courville (2013), arXiv:1308.3432.
    """

    area: ClassVar[float] = math.inf

    def derivative(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)

    def primitive(self, x: Tensor) -> Tensor:
        return x


@dataclass(frozen=True)
class from_derivative(Surrogate):
    """A surrogate of your own, from its derivative.

    Example::

        spike_grad = from_derivative(lambda x: torch.exp(-x.abs()))

    Pickling needs a named function at module level; a lambda works everywhere else. ``peak`` is
    read off at 0; the area is left to :func:`torch.trapezoid`.

    Args:
        function: elementwise, maps an overdrive tensor to slopes of the same shape.

    Raises:
        TypeError: if ``function`` cannot be called.
        ValueError: if it changes the shape of its input or is not finite on [-1, 1].
    """

    function: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        _probe("derivative", self.function, self.derivative)

    def derivative(self, x: Tensor) -> Tensor:
        return self.function(x)


@dataclass(frozen=True)
class from_primitive(Surrogate):
    """A surrogate of your own, from a smooth step; autograd takes the derivative.

    Example::

        spike_grad = from_primitive(lambda x: 0.5 * (1 + torch.tanh(4 * x)))

    Args:
        function: elementwise and differentiable, maps an overdrive tensor to one of the same shape.
            As for :class:`from_derivative`, pickling needs a named one.

    Raises:
        TypeError: if ``function`` cannot be called.
        ValueError: if it changes the shape of its input, or has no finite gradient on [-1, 1].
    """

    function: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        _probe("primitive", self.function, self.derivative)

    def derivative(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.function(leaf).sum(), leaf)
        return slope

    def primitive(self, x: Tensor) -> Tensor:
        return self.function(x)


def _inverse_square(x: Tensor, slope: float) -> Tensor:
    """1 / (1 + k|x|)^2, squared last: the denominator's square would overflow in half precision."""
    # In few passes over memory: this is what a layer's backward pass spends its time on.
    root = torch.rsub(x.abs(), 1, alpha=-slope).reciprocal_()
    return root.square() if root.requires_grad else root.square_()


def _probe(
    kind: str, function: Callable[[Tensor], Tensor], derivative: Callable[[Tensor], Tensor]
) -> None:
    if not callable(function):
        raise TypeError(f"function must be a function of a tensor, got {function!r}.")
    x = torch.linspace(-1, 1, 9)
    try:
        value = function(x)
    except Exception as error:
        raise ValueError(
            f"function, here the {kind}, must work elementwise, but {function!r} fails on a tensor "
            f"of shape [9]: {error}. Give a function of one tensor, such as torch.tanh."
        ) from error
    if not isinstance(value, Tensor) or value.shape != x.shape or not value.is_floating_point():
        shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(
            f"function, here the {kind}, must work elementwise, but {function!r} made {shape} of "
            "an input of shape [9]. Build it from functions such as torch.tanh that keep the shape."
        )
    if kind == "primitive" and not function(x.clone().requires_grad_()).requires_grad:
        raise ValueError(
            "function, here the primitive, must be differentiable, but autograd finds no gradient "
            f"in {function!r}. A step such as (x > 0).float() has none: give a smooth step, or its "
            "slope to from_derivative."
        )
    slope = derivative(x)
    if not bool(torch.isfinite(slope).all()):
        where = x[~torch.isfinite(slope)].tolist()
        raise ValueError(
            f"function, here the {kind}, must have finite slopes around the threshold, but those "
            f"of {function!r} are not at x = {where}."
        )


def __getattr__(name: str) -> object:
    raise _snntorch.missing("surrogate", name, __name__)
