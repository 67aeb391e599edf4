"""Which images each run got right: the bits behind the course's accuracy on MNIST.

Written by ``python -m tools.accuracy_tables``; ``results/accuracy.md`` says how each was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["HardImages", "Runs", "hard_images", "runs"]

FILE = Path(__file__).with_suffix(".npz")


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of one recipe that differ in their seeds, 0, 1, ...

    Attributes:
        test: whether each test image was right after each epoch, bool ``[seeds, epochs, 10_000]``;
            of runs on the embedded digits ``[seeds, epochs, 300]``.
        val: the same of the validation images, bool ``[seeds, epochs, 5_000]`` or 200.
    """

    test: np.ndarray
    val: np.ndarray


@dataclass(frozen=True, eq=False)
class HardImages:
    """Test images that every run of the best recipe got wrong.

    Attributes:
        index: their places among the 10,000 test images, int ``[H]``.
        images: uint8 ``[H, 28, 28]``.
        labels: int ``[H]``.
    """

    index: np.ndarray
    images: np.ndarray
    labels: np.ndarray


def runs(name: str) -> Runs:
    """The runs of that name.

    Args:
        name: "best", the course's recipe; "relu", the same with ReLUs and without time; "digits",
            the course's recipe on the embedded digits; "tutorial6", the recipe of snnTorch's
            tutorial 6 as printed, one epoch; "tutorial6-20", one run of it for 20 epochs, its rate
            divided by ten after 10 and after 15; "best-1", the course's recipe, its schedule
            stretched over one epoch; "best-40", stretched over 40, with 10 time steps.

    Raises:
        ValueError: for another name.
    """
    with np.load(FILE) as file:
        names = sorted(key.removesuffix("_test") for key in file if key.endswith("_test"))
        if not isinstance(name, str) or name not in names:
            raise ValueError(f"name must be one of {', '.join(names)}, got {name!r}.")
        bits = {
            part: np.unpackbits(file[f"{name}_{part}"], axis=-1, count=int(file[f"{name}_{part}s"]))
            for part in ("test", "val")
        }
    return Runs(**{part: found.astype(bool) for part, found in bits.items()})


def hard_images() -> HardImages:
    """The test images that every run of the best recipe got wrong, in the order of the test set."""
    with np.load(FILE) as file:
        return HardImages(*(file[f"hard_{name}"] for name in ("index", "images", "labels")))
