"""Which layers of a network that nobody has seen will fall silent?"""

from functools import cache

import torch
from torch import Tensor, nn

from tutorial_lib import initialization
from tutorial_lib.neurons import Leaky
from tutorial_lib.simulation import record_spikes

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe

exercise = Exercise(__name__,
    "Forecast for each layer of an unseen network whether it speaks, without running it.",
    shows="Predict from weights alone which layer of a network falls silent.", kind="function")


@exercise.reference
def solved_forecast(net, rates):
    speaks = []
    for layer, neurons in zip(net[::2], net[1::2], strict=True):
        beta = neurons.beta.item()
        mean, std = initialization.membrane_statistics(layer, rates, beta)
        rates = torch.special.ndtr((mean - neurons.threshold) / std)
        speaks.append(rates.mean().item() > 1e-3)
    return speaks


STEPS, SAMPLES, INPUTS, WIDTH = 100, 32, 200, 100
NETS = (  # spread of the weights of each layer, bias of each, beta, threshold
    ((0.15, 0.3), (0.0, 0.0), 0.5, 1.0),
    ((0.15, 0.04), (0.0, 0.0), 0.5, 1.0),
    ((0.15, 0.02), (0.0, 0.3), 0.8, 1.0),
    ((0.15, 0.3, 0.02), (0.0, 0.0, 0.0), 0.5, 1.0),
    ((0.3, 0.02, 0.3), (0.0, 0.0, 0.0), 0.5, 1.0),
    ((0.12, 0.3), (-0.5, 0.0), 0.0, 1.0),
    ((0.15, 0.3), (0.0, 0.0), 0.5, 8.0),
)
LEAST = 1e-3  # spikes per neuron and step of a layer that speaks


@exercise.judge
def judge(forecast: Function) -> str:
    for number, settings in enumerate(NETS, start=1):
        net, rates = network(settings), torch.full((1, INPUTS), 0.2)
        given = forecast(net, rates)
        if not isinstance(given, list | tuple) or len(given) != len(settings[0]):
            raise Wrong(f"For a network of {len(settings[0])} layers of neurons your function "
                f"returns {describe(given)}; expected a list of {len(settings[0])} entries, True "
                "for a layer that speaks.",
                "Is there one entry for each layer?")
        said, seen = [bool(entry) for entry in given], [rate > LEAST for rate in measured(settings)]
        if said != seen:
            raise Wrong(f"Network {number} has {about(settings)}. Run for {STEPS} steps, "
                f"{words(seen)}; your forecast is that {words(said)}.",
                "Which rate goes into the first wrong layer, and what is its xi?")
    return (f"All {sum(len(s[0]) for s in NETS)} layers of {len(NETS)} networks do as you said, "
        "and you have run none of them. Without a reset the forecast is mostly too high; where the "
        "membrane is not quite normal it can be too low.")


def about(settings: tuple) -> str:
    spreads, biases, beta, threshold = settings
    text = f"weights of spread {' and '.join(map(str, spreads))}, beta {beta}"
    if any(biases):
        text += f", biases of {' and '.join(map(str, biases))}"
    return f"{text}, and the threshold {threshold:g}; its {INPUTS} inputs fire at 20%"


def words(speaks: list[bool]) -> str:
    return ", ".join(
        f"layer {n} {'speaks' if loud else 'is silent'}" for n, loud in enumerate(speaks, start=1))


def network(settings: tuple) -> nn.Sequential:
    spreads, biases, beta, threshold = settings
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    for spread, bias in zip(spreads, biases, strict=True):
        linear = nn.Linear(WIDTH if layers else INPUTS, WIDTH)
        with torch.no_grad():
            linear.weight.copy_(spread * torch.randn(linear.weight.shape, generator=generator))
            linear.bias.fill_(bias)
        last = len(layers) == 2 * len(spreads) - 2
        layers += [linear, Leaky(beta, threshold, init_hidden=True, output=last)]
    return nn.Sequential(*layers)


@cache
def measured(settings: tuple) -> tuple[float, ...]:
    """The rate of each layer when the inputs fire at random."""
    generator = torch.Generator().manual_seed(1)
    spikes: Tensor = (torch.rand(STEPS, SAMPLES, INPUTS, generator=generator) < 0.2).float()
    record = record_spikes(network(settings), STEPS, spikes, time_varying=True)
    return tuple(spk.mean().item() for spk in record.values())


exercise.right("a tuple of tensors",
    edit("return speaks", "return tuple(map(torch.tensor, speaks))"))
exercise.right("by the largest neuron, with room",
    edit("rates.mean().item() > 1e-3", "rates.max().item() > 0.02"))

APPEND = "speaks.append(rates.mean().item() > 1e-3)"
exercise.wrong("What is wired up speaks.", edit("rates.mean().item() > 1e-3", "True"),
    told="your forecast is that layer 1 speaks, layer 2 speaks")
exercise.wrong("Every layer hears the input.",
    edit(APPEND, f"{APPEND}\n        rates = torch.full_like(rates, 0.2)"),
    asks="Layer 3 hears layer 2 alone. How often does that fire?")
exercise.wrong("A leak only loses.", edit("neurons.beta.item()", "0.0"),
    asks="What does beta = 0.8 make of a current of 0.3, step after step?")
exercise.wrong("Every beta is 0.5.", edit("neurons.beta.item()", "0.5"),
    told="What does beta = 0.8 make of a current of 0.3")
exercise.wrong("Every threshold is 1.", edit("neurons.threshold", "1"),
    asks="Where is the threshold of 8?")
exercise.wrong("The mean decides.",
    edit("torch.special.ndtr((mean - neurons.threshold) / std)",
         "(mean > neurons.threshold).float()"),
    asks="No mean is above threshold in its first layer, but how far do the membranes swing?")
exercise.wrong("A network speaks or not.", edit("return speaks", "return speaks[-1]"),
    told="Is there one entry for each layer")
