"""What exercises say about the layers of the course's network."""

from torch import Tensor, nn

from tutorial_lib import simulation
from tutorial_lib.neurons import Leaky

from ..exercise import Wrong
from ..values import show

LAYERS = ("layer 1", "layer 2", "the output layer")


def layers_of(net: nn.Module, num_steps: int, images: Tensor) -> list[Tensor]:
    """Returns the spikes of each layer, ``[T, B, ...]``."""
    return list(simulation.record_spikes(net, num_steps, images).values())


def expect_same_neurons(net: nn.Module) -> None:
    layers = [module for module in net.modules() if isinstance(module, Leaky)]
    total = sum(p.numel() for p in net.parameters())
    if len(layers) != 3 or total != 29_826:
        raise Wrong(f"Your network has {len(layers)} layers of neurons and {total:,} parameters; "
            "expected the 3 and 29,826 that it came with. Can you change values only?")
    for name, wanted in (("threshold", 1.0), ("beta", 0.5)):
        for found in [getattr(layer, name) for layer in layers]:
            if not (found == wanted).all():
                raise Wrong(f"A layer has {name} = {show(found.max().item())} now; expected "
                    f"{wanted}. The neurons should stay as they are: what else decides whether a "
                    "current suffices?")
    if not all(p.isfinite().all() for p in net.parameters()):
        raise Wrong("A weight or bias is NaN or infinite now; expected finite numbers. What did "
            "you divide by, or multiply with?")
