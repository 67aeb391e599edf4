"""Settings shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# `pytest --hypothesis-profile=explore` looks further, with other examples each time.
settings.register_profile("course", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile("course")

# `make test` tells the makes below it that they belong to it. Those of the tests are a user's own.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)

# A shell starts jobs in its background deaf to Ctrl-C, and their children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_random_numbers() -> Iterator[None]:
    """Each test starts from the same seed and leaves torch's generator as it found it."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)
