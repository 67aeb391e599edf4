"""Count the parameters of a network that is given in shorthand."""

from functools import cache
from itertools import combinations

import torch
from torch import nn

from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "Count the parameters of 6C3-MP2-16C3-MP2-?FC10 for images of 28 by 28 pixels.",
    shows="Derive shapes and parameters from the shorthand.", kind="number")

parameters_solved = exercise.reference(
    6 * (1 * 3 * 3 + 1) + 16 * (6 * 3 * 3 + 1) + 10 * (16 * 5 * 5 + 1)
)

BIASES = {"the first convolution": 6, "the second convolution": 16, "the fully connected layer": 10}


@exercise.judge
def judge(answer: float) -> str:
    if answer == count():
        return (
            f"{count():,} parameters: 60 + 880 + 4,010, with 16 maps of 5 by 5 at the end. Now you "
            "can size a layer before you build it."
        )
    side = "few" if answer < count() else "many"
    raise Wrong(f"You count {show(answer)} parameters, which is too {side}. {question(answer)}")


@cache
def count(kernel: int = 3, padding: int = 0, ceil: bool = False, pool: int = 2) -> int:
    """Builds the small network and counts; other settings are what misconceptions would build."""
    layers = nn.Sequential(
        nn.Conv2d(1, 6, kernel, padding=padding),
        nn.MaxPool2d(pool, ceil_mode=ceil),
        nn.Conv2d(6, 16, kernel, padding=padding),
        nn.MaxPool2d(pool, ceil_mode=ceil),
        nn.Flatten(),
    )
    inputs = layers(torch.zeros(1, 1, 28, 28)).numel()
    return sum(p.numel() for p in layers.append(nn.Linear(inputs, 10)).parameters())


def question(answer: float) -> str:
    """What to ask about one slip, alone or together with forgotten biases."""
    slips = {
        count(): "",
        count(padding=1): "Is the border padded? A 3 by 3 filter without padding takes off 2.",
        count(ceil=True): "What does pooling by 2 make of an odd size, 11? The rest is dropped.",
        count(pool=1): "Where is the pooling? Each MP2 halves the maps.",
        count(kernel=5): "Is the 5 of the other network still in it? Here the filters are 3 by 3.",
        count() - 16 * 5 * 9: "How many input channels does a filter of the second convolution "
        "look at?",
        60 + 880 + 10_250: "1,024 is the other network's: how many inputs has the last layer here?",
        60 + 880 + 10 * (16 + 1): "How many numbers is one of the 16 maps, when it is flattened?",
        60 + 880 + 10 * (25 + 1): "The last maps are 5 by 5, but how many of them are there?",
        60 + 880: "What about the fully connected layer?",
        count() - 32 + 3: "Does a layer have one bias, or one for each filter and each output?",
    }
    for slip, doubt in slips.items():
        left_out = without(slip - answer)
        if slip == answer or left_out:
            biases = f"Where are the biases of {left_out}? There is one per filter or output."
            return f"{doubt} {biases if left_out else ''}".strip()
    return "What size are the maps after each layer, and what does one filter look at?"


def without(gap: float) -> str:
    """The layers whose biases come to this number; "" if there are none."""
    groups = [group for n in (1, 2, 3) for group in combinations(BIASES, n)]
    fit = [" and ".join(group) for group in groups if sum(BIASES[name] for name in group) == gap]
    return ", or those of ".join(fit)


exercise.right("a tensor", torch.tensor(4950))
exercise.right("a float", 4950.0)

exercise.wrong("no bias", "A layer is its weights.", 54 + 864 + 4_000,
    told="the biases of the first convolution and the second convolution and the fully connected")
exercise.wrong("no bias in the convolutions", "A filter is its pixels.", 54 + 864 + 4_010,
    told="the biases of the first convolution and the second convolution?")
exercise.wrong("no fc bias", "Only filters are shifted.", 60 + 880 + 4_000,
    told="the biases of the fully connected layer?")
exercise.wrong("no bias in 2", "A bias is for the first.", 60 + 864 + 4_010,
    told="the second convolution, or those of the first convolution and the fully connected layer?")
exercise.wrong("no bias but in 2", "A bias is for the second.", 54 + 880 + 4_000,
    told="or those of the first convolution and the fully connected layer?")
exercise.wrong("a bias per layer", "A layer has a bias.", 55 + 865 + 4_001, told="have one bias")
exercise.wrong("1,024", "The last layer has 1,024 inputs.", 60 + 880 + 10_250,
    told="the other network's")
exercise.wrong("1,024, no bias", "Layers are weights.", 54 + 864 + 10_240,
    told="how many inputs has the last layer here? Where are the biases")
exercise.wrong("padded", "A filter keeps the size.", 8_790, told="Is the border padded")
exercise.wrong("rounded up", "Pooling keeps the odd row.", 6_710, told="an odd size")
exercise.wrong("one channel", "A filter is 3 by 3.", 60 + 160 + 4_010, told="input channels")
exercise.wrong("not pooled", "Pooling does not matter.", 93_110, told="Where is the pooling")
exercise.wrong("old filters", "Filters are 5 by 5.", count(kernel=5), told="the other network")
exercise.wrong("one per map", "A map is one number.", 60 + 880 + 170, told="one of the 16 maps")
exercise.wrong("one map", "The last layer sees a map.", 60 + 880 + 260, told="how many of them")
exercise.wrong("guess", "All layers count alike.", 5_000, told="What size are the maps")
