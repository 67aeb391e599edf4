"""The network that notebook 04 looks at: stopped early in its training.

Usage::

    python -m tools.early_networks     train it on MNIST and on the embedded digits; ship both

A few updates of so large a rate round differently on every processor, and end in other networks.
Shipped, it is the same for every reader, and so is what the notebook says of it.
"""

from __future__ import annotations

import io
from typing import Literal

import torch
from torch import Tensor, nn

from course_kit import material
from tutorial_lib import data, training
from tutorial_lib import functional as SF
from tutorial_lib.training import _files
from tutorial_lib.training.recipes import RECIPES

UPDATES = {"mnist": 100, "digits": 40}


def train(source: Literal["mnist", "digits"]) -> nn.Sequential:
    """Train the course's network by the recipe of tutorial 6, and stop early."""
    recipe, digits = RECIPES["tutorial6"], data.load(source, verbose=False)
    training.seed_everything(0)
    net = recipe.network()
    loader = data.loaders(digits, batch_size=recipe.batch_size).train
    how = (recipe.optimizer(net), SF.LOSSES[recipe.loss](), recipe.num_steps)
    training.train(net, loader, *how, num_iterations=UPDATES[source], progress=False)
    return net


def main() -> None:
    """Write both."""
    states: dict[str, dict[str, Tensor]] = {name: train(name).state_dict() for name in UPDATES}
    buffer = io.BytesIO()
    torch.save(states, buffer)
    _files.write(material.EARLY, buffer.getvalue())


if __name__ == "__main__":
    main()
