"""Notebook 05: what the layers of the network cost, and how the saved share is judged."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from tutorial_lib import networks
from tutorial_lib.neurons import Leaky

from ._values import Mistake, as_number, judge, question_for, show

__all__ = ["multiplications", "share"]


def multiplications(num_steps: int, hoisted: bool, pooled: bool = False) -> list[int]:
    """Count the multiplications of each layer for one image, forward.

    Args:
        num_steps: T.
        hoisted: whether the first layer runs once instead of T times.
        pooled: whether to count at the size after the pooling, which is a slip.
    """
    layers = list(networks.conv_net())[:8]
    x, counts = torch.zeros(1, 1, 28, 28), []
    for layer, after in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, Leaky):
            continue
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            places = after(x) if pooled and isinstance(after, nn.MaxPool2d) else x
            times = 1 if hoisted and not counts else num_steps
            counts.append(times * places.numel() * layer.weight[0].numel())
    return counts


@cache
def _shares() -> tuple[float, dict[float, str]]:
    """The saved share in percent, and what slips make of it."""
    before, after = multiplications(50, False), multiplications(50, True)
    first, second, last = before
    saved = first - after[0]
    pooled = multiplications(50, False, pooled=True)
    slips = {
        100 * first / sum(before): "It still has to run once: which share of its runs is saved?",
        98.0: "That is its own share: what do the other layers cost?",
        100 / 3: "Does one of three layers cost a third?",
        98 / 3: "Does one of three layers cost a third?",
        100 * 312 / 29_826: "Those are parameters: at how many places is each filter used?",
        98 * 312 / 29_826: "Those are parameters: at how many places is each filter used?",
        100 * saved / (first + second): "Where is the fully connected layer?",
        98 * pooled[0] / sum(pooled): "A convolution runs before its pooling: on which size?",
        100 * saved / (first + second / 12 + last): (
            "How many input channels does a filter of the second convolution look at?"
        ),
        saved / sum(before): "That is a share of one: how many percent is it?",
        100 * first / (second + last): "A share of all, or of the rest?",
        100 * saved / sum(after): "A share of what it was, or of what is left?",
        100 * sum(after) / sum(before): "That is what remains: which share falls away?",
    }
    return 100 * saved / sum(before), slips


@judge
def share(answer: float) -> str:
    answer, (wanted, slips) = as_number(answer, "Your share"), _shares()
    if abs(answer - wanted) <= 0.051:
        first, second, last = multiplications(1, False)
        return (
            f"Per step {first:,} + {second:,} + {last:,}, and 49 times the first falls away: "
            f"{wanted:.1f}%. If multiplications were all that takes time, a step could become "
            f"{100 / (100 - wanted):.2f} times as fast, no more. So look at the second layer next."
        )
    raise Mistake(
        f"You say {show(answer)}%, which is {'less' if answer < wanted else 'more'} than the "
        "share that counting gives. "
        + question_for(answer, slips, "Which layer multiplies how often for one image?", 5e-3)
    )
