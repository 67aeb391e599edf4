"""Handwritten digits: MNIST, or the embedded ones that need no download; and moving ones.

:func:`load` returns the same tensors from both, split by seed, and says which it took::

    digits = data.load()
    train, val, test = data.loaders(digits, batch_size=128)

:func:`recordings` gives streams of events: N-MNIST, or digits filmed by the library's own camera.
"""

from __future__ import annotations

from ._files import DamagedFileError, DataError, DownloadError, MissingFilesError
from ._load import Digits, Loaders, enlarged, load, loaders
from ._recordings import Recordings, recordings
from ._splits import subset

__all__ = [
    "DamagedFileError",
    "DataError",
    "Digits",
    "DownloadError",
    "Loaders",
    "MissingFilesError",
    "Recordings",
    "enlarged",
    "load",
    "loaders",
    "recordings",
    "subset",
]
