"""Handwritten digits: MNIST, or the embedded ones that need no download.

:func:`load` returns the same tensors from both, split by seed, and says which it took::

    digits = data.load()
    train, val, test = data.loaders(digits, batch_size=128)
"""

from __future__ import annotations

from ._files import DamagedFileError, DataError, DownloadError, MissingFilesError
from ._load import Digits, enlarged, load
from ._loaders import Loaders, loaders
from ._splits import subset

__all__ = [
    "DamagedFileError",
    "DataError",
    "Digits",
    "DownloadError",
    "Loaders",
    "MissingFilesError",
    "enlarged",
    "load",
    "loaders",
    "subset",
]
