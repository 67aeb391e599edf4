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
        return (f"{count():,} parameters: 60 + 880 + 4,010, with 16 maps of 5 by 5 at the end. Now "
            "you can size a layer before you build it.")
    side = "few" if answer < count() else "many"
    raise Wrong(f"You count {show(answer)} parameters, which is too {side}.", question(answer))


@cache
def count(kernel: int = 3, padding: int = 0, ceil: bool = False, pool: int = 2) -> int:
    """Builds the small network and counts; other settings are what misconceptions would build."""
    with torch.device("meta"):  # draws no weights
        layers = nn.Sequential(
            nn.Conv2d(1, 6, kernel, padding=padding),
            nn.MaxPool2d(pool, ceil_mode=ceil),
            nn.Conv2d(6, 16, kernel, padding=padding),
            nn.MaxPool2d(pool, ceil_mode=ceil),
            nn.Flatten())
        inputs = layers(torch.zeros(1, 1, 28, 28)).numel()
        return sum(p.numel() for p in layers.append(nn.Linear(inputs, 10)).parameters())


def question(answer: float) -> str:
    if left_out := without(count() - answer):
        return f"Where are the biases of {left_out}? There is one per filter or output."
    return "What size are the maps after each layer, and what does one filter look at?"


def without(gap: float) -> str:
    """The layers whose biases come to this number; "" if there are none."""
    groups = [group for n in (1, 2, 3) for group in combinations(BIASES, n)]
    fit = [" and ".join(group) for group in groups if sum(BIASES[name] for name in group) == gap]
    return ", or those of ".join(fit)


exercise.right("a tensor", torch.tensor(4950))
exercise.right("a float", 4950.0)

exercise.wrong("A layer is its weights.", 54 + 864 + 4_000,
    told="the biases of the first convolution and the second convolution and the fully connected")
exercise.wrong("A bias is for the first layer.", 60 + 864 + 4_010,
    told="the second convolution, or those of the first convolution and the fully connected layer?")
exercise.wrong("A layer has a bias.", 55 + 865 + 4_001,
    asks="Does a layer have one bias, or one for each filter and each output?")
exercise.wrong("The last layer has 1,024 inputs.", 60 + 880 + 10_250,
    asks="1,024 is the other network's: how many inputs has the last layer here?")
exercise.wrong("This is the network above.", 29_826,
    asks="That is the network above: what is other in 6C3-MP2-16C3-MP2-?FC10?")
exercise.wrong("A filter keeps the size.", count(padding=1),
    asks="Is the border padded? A 3 by 3 filter without padding takes off 2.")
exercise.wrong("Pooling keeps the odd row.", count(ceil=True),
    asks="What does pooling by 2 make of an odd size, 11? The rest is dropped.")
exercise.wrong("A filter is 3 by 3.", 60 + 160 + 4_010,
    asks="How many input channels does a filter of the second convolution look at?")
exercise.wrong("Pooling does not matter.", count(pool=1),
    asks="Where is the pooling? Each MP2 halves the maps.")
exercise.wrong("Filters are 5 by 5.", count(kernel=5),
    asks="Is the 5 of the other network still in it? Here the filters are 3 by 3.")
exercise.wrong("A map is one number.", 60 + 880 + 170,
    asks="How many numbers is one of the 16 maps, when it is flattened?")
exercise.wrong("The last layer sees one map.", 60 + 880 + 260,
    asks="The last maps are 5 by 5, but how many of them are there?")
exercise.wrong("The convolutions are the network.", 60 + 880,
    asks="What about the fully connected layer?")
exercise.wrong("All layers count alike.", 5_000, told="What size are the maps")
