"""Names of snnTorch 1.0.0 that this library lacks, each with what to write instead.

The errors read it, and so does the table in the book. One table for each namespace of the peer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import _checks

_HEAVISIDE = "Write `from_derivative(lambda x: (x > 0).to(x))`."
_ESCAPE = "Write `from_derivative(lambda x: slope * torch.exp(-beta * (x - 1).abs()))`."
_STOCHASTIC = (
    "Write `from_derivative(lambda x: torch.where(x > 0, 1, "
    "variance * (torch.rand_like(x) - 0.5 + mean)))`."
)
_LEAKY = "Write `from_derivative(lambda x: torch.where(x > 0, 1, slope).to(x))`."
_SPARSE = "Write `from_derivative(lambda x: (x > B) / (1 + slope * x.abs()) ** 2)`."

INSTEAD: dict[str, dict[str, str]] = {
    "snntorch": {
        "Alpha": "The only neuron model here is `Leaky`.",
        "AssociativeLeaky": "The only neuron model here is `Leaky`.",
        "BatchNormTT1d": "Use `nn.BatchNorm1d`: one set of statistics for all time steps.",
        "BatchNormTT2d": "Use `nn.BatchNorm2d`: one set of statistics for all time steps.",
        "DeltaLeaky": "The only neuron model here is `Leaky`.",
        "GradedSpikes": "Multiply the spikes by an `nn.Parameter`.",
        "LIF": "Use `Leaky`; the pure function of one step is `lif_step`.",
        "Lapicque": "Use `Leaky(beta=1 - time_step / (R * C))` with the current "
        "`cur * time_step / C`.",
        "LeakyParallel": "Use `simulation.forward_pass(net, num_steps, data)`: it runs each layer "
        "over all time steps, with reset.",
        "LinearLeaky": "Use `nn.Linear`, then `Leaky(math.exp(beta - 1), reset_mechanism='none')`.",
        "RLeaky": "Feed the spikes of the step before back yourself: `lif(cur + rec(spk), mem)`.",
        "RSynaptic": "The only neuron model here is `Leaky`.",
        "SConv2dLSTM": "The only neuron model here is `Leaky`.",
        "SLSTM": "The only neuron model here is `Leaky`.",
        "SpikingNeuron": "Use `Leaky`, or an `nn.Module` with a method `reset_mem()`.",
        "StateLeaky": "Use `Leaky(math.exp(beta - 1), reset_mechanism='none')` and "
        "`simulation.forward_pass(..., time_varying=True)`, which takes all steps at once.",
        "Synaptic": "The only neuron model here is `Leaky`. For a synaptic current, keep it "
        "yourself: `syn = alpha * syn + cur`, then `lif(syn, mem)`.",
        "backprop": "Use `training.train`, or write the loop: `simulation.forward_pass(net, "
        "num_steps, data)`, the loss, `loss.backward()`, `optimizer.step()`.",
        "export_nir": "Networks are saved with `training.save_checkpoint`.",
        "import_nir": "Networks are loaded with `training.load_checkpoint`.",
        "spikegen": "Write `from tutorial_lib import encoding as spikegen`.",
        "spikeplot": "Write `from tutorial_lib import plotting as splt`.",
        "spikevision": "Use `data.loaders`; recordings of events are read by the package tonic.",
    },
    "Leaky": {
        "detach": "Write `mem = mem.detach()`.",
        "detach_hidden": "Write `utils.detach(net)`: it detaches the membranes of one network.",
        "fire": "Write `lif.spike_grad(mem - lif.threshold)`.",
        "fire_inhibition": "Write `spk * F.one_hot(mem.argmax(1), mem.shape[1])`.",
        "graded_spikes_factor": "Multiply the spikes: `spk = factor * lif(cur)`.",
        "inhibition": "Let only the highest membrane's spike through: "
        "`spk * F.one_hot(mem.argmax(1), mem.shape[1])`.",
        "init": "There is nothing to do: no list of all instances is kept.",
        "instances": "No list of all instances is kept. Those of a network are "
        "`[m for m in net.modules() if isinstance(m, Leaky)]`.",
        "learn_graded_spikes_factor": "Multiply the spikes by an `nn.Parameter`.",
        "mem_reset": "Write `lif.spike_grad(mem - lif.threshold).detach()`.",
        "reset_delay": "For a reset within the step build the layer with "
        "`reset_mechanism='none'` and, after `spk, mem = lif(cur, mem)`, write "
        "`mem = mem - spk * lif.threshold` (subtract) or `mem = mem * (1 - spk)` (zero).",
        "reset_dict": "`lif.reset_mechanism` holds the name of the reset.",
        "reset_hidden": "Write `utils.reset(net)`: it resets the membranes of one network.",
        "state_function": "Write `lif_step(cur, mem, beta, threshold)`.",
        "state_quant": "Quantize in the loop: `_, mem = lif(cur, mem)`, then "
        "`mem = quantize(mem)` and `spk = lif.spike_grad(mem - lif.threshold)`.",
        "surrogate_disable": "Run the network under `torch.no_grad()`, or give "
        "`spike_grad=surrogate.from_derivative(torch.zeros_like)`.",
        "zeros": "Write `mem = lif.init_leaky()`.",
    },
    "surrogate": {
        "ATan": "Write `atan(alpha)`.",
        "CustomSurrogate": "Write `from_derivative(function)`, with a function of the overdrive.",
        "FastSigmoid": "Write `fast_sigmoid(slope)`.",
        "Heaviside": _HEAVISIDE,
        "LSO": f"{_LEAKY} snnTorch's raises a TypeError when it is called.",
        "LeakySpikeOperator": _LEAKY,
        "SFS": _SPARSE,
        "SSO": _STOCHASTIC,
        "Sigmoid": "Write `sigmoid(slope)`.",
        "SparseFastSigmoid": _SPARSE,
        "SpikeRateEscape": _ESCAPE,
        "StochasticSpikeOperator": _STOCHASTIC,
        "StraightThroughEstimator": "Write `straight_through_estimator()`.",
        "Triangular": "Write `triangular(threshold)`, a true triangle; with snnTorch's slope "
        "`from_derivative(lambda x: torch.where(x < 0, threshold, -threshold).to(x))`.",
        "custom_surrogate": "Write `from_derivative(lambda x: "
        "custom_surrogate_function(x, torch.ones_like(x), (x > 0).to(x)))`.",
        "heaviside": _HEAVISIDE,
        "spike_rate_escape": _ESCAPE,
    },
    "functional": {
        "AttributeMonitor": "Write `layer.register_forward_hook(lambda layer, args, out: "
        "records.append(layer.mem))`.",
        "BaseMonitor": "Write `layer.register_forward_hook(...)`.",
        "GradInputMonitor": "Write `layer.register_full_backward_hook(lambda layer, grad_in, "
        "grad_out: records.append(grad_in[0]))`.",
        "GradOutputMonitor": "Write `layer.register_full_backward_hook(lambda layer, grad_in, "
        "grad_out: records.append(grad_out[0]))`.",
        "InputMonitor": "Write `layer.register_forward_hook(lambda layer, args, out: "
        "records.append(args[0]))`.",
        "LossFunctions": "The base of all losses is `Loss`.",
        "OutputMonitor": "Write `layer.register_forward_hook(lambda layer, args, out: "
        "records.append(out))`.",
        "SpikeTime": "Write `first_spike_time(spk_rec)`.",
        "acc": "Write `from tutorial_lib.functional import accuracy`.",
        "loss": "Write `from tutorial_lib.functional import losses, temporal`.",
        "probe": "Use torch's hooks, `layer.register_forward_hook(...)`.",
        "quant": "Quantize in the loop: `_, mem = lif(cur, mem)`, then `mem = quantize(mem)` and "
        "`spk = lif.spike_grad(mem - lif.threshold)`.",
        "reg": "Write `from tutorial_lib.functional import regularization`.",
        "stdp_learner": "There are no local learning rules here.",
        "unpack_len1_tuple": "Write `x[0] if isinstance(x, tuple) and len(x) == 1 else x`.",
    },
    "utils": {
        "data_subset": "Write `torch.utils.data.Subset(dataset, range(len(dataset) // 10))` for "
        "the first tenth.",
        "valid_split": "Write `torch.utils.data.random_split(dataset, [0.9, 0.1])`; `data.load()` "
        "splits a validation set off already.",
    },
    "spikegen": {
        "delta": "Write `(data.diff(dim=0, prepend=torch.zeros_like(data[:1])) >= threshold)"
        ".to(data)`.",
        "from_one_hot": "Write `one_hot_label.argmax(-1)`.",
        "latency": "Write `latency_encode(data, num_steps)`: the linear code of "
        "`linear=True, normalize=True, clip=True`.",
        "latency_code": "Write `latency_encode(data, num_steps)`.",
        "latency_code_linear": "Write `latency_encode(data, num_steps)`.",
        "latency_code_log": "Only the linear code is here: `latency_encode(data, num_steps)`.",
        "latency_interpolate": "Targets are class indices here; nothing is interpolated.",
        "rate": "Write `rate_encode(data, num_steps)`; data that varies over time goes to "
        "`rate_conv(data)`.",
        "rate_interpolate": "Targets are class indices here; nothing is interpolated.",
        "target_rate_code": "Give the losses class indices, and `mse_count_loss` its rates.",
        "targets_convert": "Give the losses class indices. On and off values are "
        "`torch.where(F.one_hot(targets, num_classes) > 0, on_target, off_target)`.",
        "targets_latency": "Give `ce_temporal_loss` and `mse_temporal_loss` class indices.",
        "targets_rate": "Give the losses class indices, and `mse_count_loss` its rates.",
        "to_one_hot": "Write `F.one_hot(targets, num_classes).float()`.",
        "to_one_hot_inverse": "Write `(one_hot_targets == 0).float()`.",
    },
    "spikeplot": {
        "Camera": "Write `animator(data, fig, ax)`, or use matplotlib's FuncAnimation.",
    },
}
"""For each namespace of snnTorch its names that are not here; for Leaky, arguments too."""

_MODULES = {
    "snntorch": {"backprop", "export_nir", "import_nir", "spikegen", "spikeplot", "spikevision"},
    "functional": {"acc", "loss", "probe", "quant", "reg", "stdp_learner"},
}


def missing(namespace: str, name: str, here: str) -> AttributeError | ImportError:
    """The error for a name that ``here`` lacks; with what to write if snnTorch has it.

    A module of snnTorch's gives an ImportError, as only such an error keeps its message in
    ``from tutorial_lib import backprop``.
    """
    instead = INSTEAD[namespace].get(name)
    if instead is None:
        return AttributeError(f"{here} has no attribute {name!r}.")
    kind = ImportError if name in _MODULES.get(namespace, ()) else AttributeError
    return kind(f"{here} has no {name!r} as snnTorch has. {instead}")


_DEFAULTS = {
    "surrogate_disable": False,
    "inhibition": False,
    "learn_graded_spikes_factor": False,
    "reset_delay": True,
}


def check_defaults(state_quant: object, graded_spikes_factor: object, **flags: bool) -> None:
    """Accept arguments of snnTorch's ``Leaky`` at values that change nothing.

    Raises:
        TypeError: if a flag is not True or False.
        ValueError: for another value, with what to write instead.
    """
    other = {name: _checks.flag(name, value) != _DEFAULTS[name] for name, value in flags.items()}
    other["state_quant"] = state_quant is not False and state_quant is not None
    other["graded_spikes_factor"] = not _is_one(graded_spikes_factor)
    for name in other:
        if other[name]:
            raise ValueError(
                f"Leaky takes snnTorch's {name} at its default only. {INSTEAD['Leaky'][name]}"
            )


def _is_one(value: object) -> bool:
    try:
        return bool((torch.as_tensor(value, device="cpu") == 1).all())
    except (TypeError, ValueError, RuntimeError):
        return False


class Missing:
    """A class attribute of snnTorch's that is not here: to use it raises :func:`missing`."""

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace, self.name = namespace, name

    def __get__(self, instance: object, owner: type) -> None:
        raise missing(self.namespace, self.name, owner.__name__)


# What the state dict of a Leaky holds besides beta and threshold. The first two are snnTorch's
# buffers; the third stands there only where it differs from what snnTorch does.
SETTINGS = ("graded_spikes_factor", "reset_mechanism_val", "detach_reset")
RESETS = ("subtract", "zero", "none")  # in the order of snnTorch's numbers


def differences(
    entries: dict[str, Tensor | None], reset_mechanism: str, detach_reset: bool
) -> list[str]:
    """Where a state dict's entries (None: not there) say something else than a Leaky's settings."""
    problems = []
    code, factor = entries["reset_mechanism_val"], entries["graded_spikes_factor"]
    if code is not None:
        saved = dict(enumerate(RESETS)).get(int(code), int(code))
        if saved != reset_mechanism:
            problems.append(
                f"reset_mechanism is {saved!r} in the state dict, {reset_mechanism!r} here: build "
                f"the layer with reset_mechanism={saved!r}"
            )
    if factor is not None and not _is_one(factor):
        problems.append(
            f"graded_spikes_factor is {factor.tolist()} in the state dict, 1 here: multiply the "
            "spikes by it, or the weights that follow, and set it to 1 in the state dict"
        )
    detached = entries["detach_reset"] is None or bool(entries["detach_reset"])
    if detached != detach_reset:
        problems.append(
            f"detach_reset is {detached} in the state dict, {detach_reset} here: build the layer "
            f"with detach_reset={detached}"
        )
    return problems
