r"""Will a network start? How far its membranes are from threshold, and weights that set it.

Without a reset a neuron filters its current, :math:`U[t] = \beta U[t-1] + I[t]`. If the current
has the mean :math:`\mu_I` and the variance :math:`\sigma_I^2` and is independent from step to step,
then in the steady state

.. math:: \mu_U = \frac{\mu_I}{1 - \beta}, \qquad \sigma_U^2 = \frac{\sigma_I^2}{1 - \beta^2},
          \qquad \xi = \frac{\theta - \mu_U}{\sigma_U}

The distance :math:`\xi` says how many standard deviations the threshold is away. A normal
membrane is above it in the share :math:`\Phi(-\xi)` of all steps. A reset only lowers a membrane,
so no neuron fires more often than its membrane without a reset is above threshold.

Source: Rossbroich, Gygax & Zenke (2022), Neuromorphic Computing and Engineering 2(4), for neurons
in continuous time; here for the discrete neuron of :func:`tutorial_lib.lif_step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from . import _checks, fast
from ._parameters import align
from ._runs import checked
from .neurons import Leaky
from .plotting import style
from .simulation import forward_pass
from .utils import mode

__all__ = ["Ledger", "LedgerRow", "membrane_statistics", "scale_to_threshold", "silence_ledger"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_WEIGHTED = (nn.Linear, *_CONVOLUTIONS)
_HOMOGENEOUS = (  # f(g x) = g f(x) for every g > 0
    nn.Identity, nn.Flatten, nn.ReLU, nn.LeakyReLU, nn.ZeroPad2d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
)  # fmt: skip


def membrane_statistics(layer: nn.Module, rates: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    r"""Mean and standard deviation of membranes behind inputs that fire independently.

    .. math:: \mu_U = \frac{\sum_i w_i p_i + b}{1 - \beta}, \qquad
              \sigma_U^2 = \frac{\sum_i w_i^2\, p_i (1 - p_i)}{1 - \beta^2}

    in the steady state, without a reset. Input :math:`i` fires at each step with probability
    :math:`p_i`, independently of all other inputs and steps.

    Source: Rossbroich, Gygax & Zenke (2022), for neurons in continuous time.

    Args:
        layer: the ``nn.Linear`` or convolution that the inputs come through.
        rates: :math:`p`, a batch ``[B, ...]`` of the shape that ``layer`` takes, from 0 to 1.
        beta: decay per step, at least 0 and below 1.

    Returns:
        ``(mean, std)``, each of the shape of ``layer(rates)``, in units of the membrane potential.

    Raises:
        TypeError: if ``layer`` is of another kind, or ``rates`` no floating-point tensor.
        ValueError: if ``rates`` leave [0, 1] or do not fit the layer, or ``beta`` is 1.
    """
    if not isinstance(layer, _WEIGHTED):
        raise TypeError(f"layer must be an nn.Linear or a convolution, got {layer!r}.")
    _checks.images("rates", rates)
    beta = _checks.fraction("beta", beta)
    _check_leak(torch.tensor(beta), "The neuron")
    with torch.no_grad():
        try:
            mean = layer(rates)
        except RuntimeError as error:
            raise ValueError(
                f"rates must be a batch [B, ...] that {layer} takes, got the shape "
                f"{list(rates.shape)}: {error}."
            ) from error
        squared = {"weight": layer.weight.square()}
        if layer.bias is not None:
            squared["bias"] = torch.zeros_like(layer.bias)
        variance = torch.func.functional_call(layer, squared, rates * (1 - rates))
    return mean / (1 - beta), (variance / (1 - beta**2)).sqrt()


def scale_to_threshold(
    net: nn.Sequential,
    num_steps: int,
    data: Tensor,
    xi: float = 1.0,
    *,
    time_varying: bool = False,
) -> dict[str, float]:
    r"""Scale the weights and biases of each layer so that its :math:`\xi` is ``xi`` on this batch.

    From the first layer to the last: mean and spread of the membranes come from the currents of
    the layer, with all layers before it scaled already. One factor per layer does it,
    :math:`g = \theta / (\mu_U + \xi\,\sigma_U)`, as a current that comes through weights, biases
    and pooling is proportional to them. :class:`LedgerRow` says how :math:`\mu_U` and
    :math:`\sigma_U` of a layer are taken.

    Source: the idea is that of Rossbroich, Gygax & Zenke (2022), who draw the weights so that
    :math:`\xi` has a given value; here drawn weights are scaled, by what a batch shows.

    Args:
        net: a plain ``nn.Sequential``, nested ones included, in which each layer of neurons
            (:class:`tutorial_lib.Leaky` with hidden state) follows an ``nn.Linear`` or convolution,
            with nothing but pooling, flattening, padding, dropout and ReLU in between. It is
            changed in place, or not at all if an error is raised.
        num_steps: number of time steps T.
        data: one batch ``[B, ...]``, or ``[T, B, ...]`` with ``time_varying``.
        xi: the distance wanted, in standard deviations. The smaller, the more spikes.
        time_varying: whether ``data`` has a time axis in front.

    Returns:
        The factor of each layer, by the name of its layer of neurons.

    Raises:
        TypeError, ValueError: as :func:`tutorial_lib.simulation.forward_pass`; ValueError for
            another kind of network, a ``beta`` of 1, weights that two layers share, and a layer
            that no factor brings to ``xi``.
    """
    found = _run(net, num_steps, data, time_varying, _checks.finite("xi", xi))
    with torch.no_grad():
        for layer in found:
            for parameter in layer.weighted.parameters():
                parameter.mul_(layer.factor)
    return {layer.row.name: layer.factor for layer in found}


@dataclass(frozen=True)
class LedgerRow:
    r"""One layer of neurons in a :class:`Ledger`.

    Attributes:
        name: of the layer of neurons, as in ``net.named_modules()``.
        xi: :math:`(\theta - \mu_U) / \sigma_U` of the layer: :math:`\mu_U` is the mean over its
            neurons and the samples, :math:`\sigma_U^2` the variance over time, averaged over both,
            plus the variance of the means among them. From currents as they are in the run.
        predicted: the share of steps in which the membranes would be above threshold without a
            reset, the mean of :math:`\Phi(-\xi)` over single neurons and samples: the most spikes
            per neuron and step to expect.
        measured: spikes per neuron and step.
        never: share of the neurons that fire at no step for no sample.
        gradient: norm of the loss's gradient with respect to the weights before the layer.
    """

    name: str
    xi: float
    predicted: float
    measured: float
    never: float
    gradient: float


@dataclass(frozen=True, repr=False)
class Ledger:
    """What :func:`silence_ledger` found; prints as a table.

    Attributes:
        rows: a :class:`LedgerRow` for each layer of neurons, in order.
    """

    rows: tuple[LedgerRow, ...]

    def __repr__(self) -> str:
        lines = ["layer       xi   predicted   measured   never fire   gradient norm"]
        for row in self.rows:
            lines.append(
                f"{row.name:<7}{row.xi:>7.2f}{row.predicted:>12.2%}{row.measured:>11.2%}"
                f"{row.never:>13.0%}{row.gradient:>16.1e}"
            )
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rates of the layers, predicted and measured, on a logarithmic axis.

        Rates below one in a million stand at its left end.

        Args:
            ax: axes to draw on; those of a new figure if None.
        """
        ax = style.own_axes(6.5, 0.5 * len(self.rows) + 1.6)[0, 0] if ax is None else ax
        places, least = range(len(self.rows)), 1e-6
        for index, kind in enumerate(("predicted", "measured")):
            rates = [max(getattr(row, kind), least) for row in self.rows]
            look = style.curve(index) | {"linestyle": "none", "markersize": 9}
            ax.plot(rates, places, label=kind, markerfacecolor="none" if index else None, **look)
        ax.set(xscale="log", xlim=(least / 2, 1.5), ylim=(len(self.rows) - 0.5, -0.5))
        ax.set_xticks([least, 1e-4, 1e-2, 1], ["silent", ".01 %", "1 %", "100 %"])
        ax.minorticks_off()
        ax.set_yticks(places, [f"{row.name}, xi = {row.xi:.1f}" for row in self.rows])
        ax.legend(loc="best", frameon=False)
        style.dress(ax, "Spikes per neuron and step", "Layer")
        return ax


def silence_ledger(
    net: nn.Sequential,
    num_steps: int,
    data: Tensor,
    targets: Tensor,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    *,
    time_varying: bool = False,
) -> Ledger:
    """Say of each layer how far it is from threshold, how often it fires, and what it can learn.

    The network runs in evaluation mode. Its weights and their ``.grad`` stay as they are.

    Args:
        net, num_steps, data, time_varying: as for :func:`scale_to_threshold`; the last layer of
            neurons has ``output=True``.
        targets: class of each sample, ``[B]``.
        loss_fn: a loss of ``(spk_rec, targets)``.

    Raises:
        TypeError, ValueError: as :func:`tutorial_lib.simulation.forward_pass` and ``loss_fn``;
            ValueError for another kind of network, a ``beta`` of 1, or frozen weights.
    """
    if not callable(loss_fn):
        raise TypeError(f"loss_fn must be a function of (spk_rec, targets), got {loss_fn!r}.")
    found = _run(net, num_steps, data, time_varying)
    weights = [layer.weighted.weight for layer in found]
    for layer, weight in zip(found, weights, strict=True):
        if not weight.requires_grad:
            raise ValueError(
                f"The weights before layer {layer.row.name!r} have requires_grad=False, so they "
                "get no gradient. Call net.requires_grad_(True) first."
            )
    with mode(net, training=False), torch.enable_grad():
        spk_rec, _ = forward_pass(net, num_steps, data, time_varying=time_varying)
        loss = loss_fn(spk_rec, targets)
        if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
            raise TypeError(f"loss_fn must return a number that depends on spk_rec, got {loss!r}.")
        norms = [g.norm().item() for g in torch.autograd.grad(loss, weights)]
    pairs = zip(found, norms, strict=True)
    return Ledger(tuple(replace(layer.row, gradient=norm) for layer, norm in pairs))


class _Layer(NamedTuple):
    """What makes a layer's current, its factor, and what a run shows, except the gradient."""

    weighted: nn.Module
    factor: float
    row: LedgerRow


def _run(
    net: nn.Module, num_steps: int, data: Tensor, time_varying: bool, xi: float | None = None
) -> list[_Layer]:
    """Run the net layer by layer; with ``xi``, as if each layer were scaled to it already."""
    blocks = _blocks(net, scaling=xi is not None)
    found = []
    with torch.no_grad(), mode(net, training=False):
        with checked(net, num_steps, data, time_varying) as num_steps:
            x = data if time_varying else data[None]  # [T, B, ...], or [1, B, ...] for all steps
            for name, before, weighted, neurons in blocks:
                cur = before(x.flatten(0, 1)).unflatten(0, x.shape[:2])
                cur = cur.expand(num_steps, *cur.shape[1:])
                mean, variance = _moments(name, cur, neurons)
                mu = mean.mean().item()
                sigma = math.sqrt(mean.var(correction=0).item() + variance.mean().item())
                if not math.isfinite(mu + sigma):
                    raise ValueError(
                        "data and net must give currents whose squares are finite. Those of layer "
                        f"{name!r} are not, with data from {data.min():.4g} to {data.max():.4g}."
                    )
                factor = 1.0 if xi is None else _factor(name, mu, sigma, xi)
                distance = 1 - mu
                above = torch.special.ndtr((mean - 1) / variance.sqrt())
                above = torch.where(variance > 0, above, (mean > 1).to(above))
                x = _spikes(neurons, factor * cur)
                row = LedgerRow(
                    name,
                    xi=distance / sigma if sigma else math.copysign(math.inf, distance),
                    predicted=above.mean().item(),
                    measured=x.mean().item(),
                    never=(x.amax((0, 1)) == 0).double().mean().item(),
                    gradient=math.nan,
                )
                found.append(_Layer(weighted, factor, row))
    return found


def _moments(name: str, cur: Tensor, neurons: Leaky) -> tuple[Tensor, Tensor]:
    """Mean and variance over time of the membranes of currents ``[T, B, ...]``, in thresholds."""
    beta = align("beta", neurons.beta, cur[0]).clamp(0, 1)
    _check_leak(beta, f"Layer {name!r}")
    theta = align("threshold", neurons.threshold, cur[0])
    variance, mean = torch.var_mean(cur, 0, correction=0)
    return mean / (1 - beta) / theta, variance / (1 - beta**2) / theta**2


def _factor(name: str, mu: float, sigma: float, xi: float) -> float:
    reached = mu + xi * sigma  # in thresholds, xi standard deviations above the mean
    if not reached > 1e-6:
        raise ValueError(
            f"No factor brings layer {name!r} to xi = {xi:g}: without a reset its membranes have "
            f"the mean {mu:.3g} and the standard deviation {sigma:.3g}, in thresholds, and mean + "
            "xi * deviation must be above 0. Ask for a larger xi, or change its biases or the data."
        )
    return 1 / reached


def _spikes(neurons: Leaky, cur: Tensor) -> Tensor:
    neurons.reset_mem()
    steps = [neurons(step) for step in cur]
    neurons.reset_mem()
    return torch.stack([step[0] if neurons.output else step for step in steps])


def _check_leak(beta: Tensor, what: str) -> None:
    if bool((beta >= 1).any()):
        raise ValueError(
            f"{what} has beta = 1: without a leak its membrane has no steady state, and so no mean "
            "and no spread. Choose beta below 1."
        )


def _blocks(net: nn.Module, scaling: bool) -> list[tuple[str, nn.Sequential, nn.Module, Leaky]]:
    """The layers of neurons of ``net``: name, what makes the current, its weights, the neurons."""
    if fast.plan(net, "auto", False) is None:
        raise ValueError(
            "net must be a plain nn.Sequential, of Leaky layers with hidden state and layers that "
            f"the library knows to be stateless, without hooks, got {type(net).__name__}."
        )
    blocks, before, weighted, weights = [], [], None, []
    for name, module in net.named_modules(remove_duplicate=False):
        if isinstance(module, Leaky):
            if weighted is None:
                raise ValueError(
                    f"Layer {name!r} has no nn.Linear or convolution of its own before it."
                )
            blocks.append((name, nn.Sequential(*before), weighted, module))
            before, weighted = [], None
        elif not isinstance(module, nn.Sequential):
            before.append(module)
            if isinstance(module, _WEIGHTED):
                weighted = module
                weights.append(id(module.weight))
            elif scaling and weighted is not None and not isinstance(module, _HOMOGENEOUS):
                raise ValueError(
                    f"Layer {name!r}, {module}, stands between weights and neurons, and what comes "
                    "out of it is not proportional to the weights: no factor sets xi."
                )
    if len(set(weights)) < len(weights):
        raise ValueError("Two layers share their weights: one factor cannot suit both.")
    return blocks
