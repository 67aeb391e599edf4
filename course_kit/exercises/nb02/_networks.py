"""What the exercises of this notebook say about the layers of the course's network."""

from torch import Tensor, nn

from tutorial_lib import simulation

LAYERS = ("layer 1", "layer 2", "the output layer")


def layers_of(net: nn.Module, num_steps: int, images: Tensor) -> list[Tensor]:
    """Returns the spikes of each layer, ``[T, B, ...]``."""
    return list(simulation.record_spikes(net, num_steps, images).values())
