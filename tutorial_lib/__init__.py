"""Surrogate-gradient training of convolutional spiking networks: the library of the course.

A reader of snnTorch's tutorial 6 changes only the imports::

    import tutorial_lib as snn
    from tutorial_lib import surrogate, functional as SF, utils, plotting as splt

Its modules, in the order in which they build on each other: :mod:`~tutorial_lib.surrogate`,
:mod:`~tutorial_lib.encoding`, :mod:`~tutorial_lib.functional`, :mod:`~tutorial_lib.events`,
:mod:`~tutorial_lib.data`, :mod:`~tutorial_lib.plotting`, :mod:`~tutorial_lib.utils`,
:mod:`~tutorial_lib.lif`, :mod:`~tutorial_lib.neurons`, :mod:`~tutorial_lib.networks`,
:mod:`~tutorial_lib.fast`, :mod:`~tutorial_lib.simulation`, :mod:`~tutorial_lib.initialization`,
:mod:`~tutorial_lib.training`. ``import tutorial_lib`` loads torch and NumPy only, and lets a CUDA
build of torchvision import beside a CPU-only torch.
"""

from __future__ import annotations

from . import _snntorch, functional, surrogate, utils
from ._torchvision import install as _install_torchvision_remedy
from .neurons import Leaky, lif_step

__all__ = ["Leaky", "functional", "lif_step", "surrogate", "utils"]
__version__ = "0.1.0"

_install_torchvision_remedy()


def __getattr__(name: str) -> object:
    raise _snntorch.missing("snntorch", name, __name__)
