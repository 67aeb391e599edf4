"""The training command on a hundred digits, in this process."""

from __future__ import annotations

import dataclasses

import pytest

from tests.helpers import TINY, Command
from tutorial_lib import data
from tutorial_lib.training.__main__ import main


@pytest.fixture(scope="module")
def small_digits() -> data.Digits:
    digits = data.load("digits", verbose=False)
    return dataclasses.replace(
        digits, train=data.subset(digits.train, 100), val=data.subset(digits.val, 20)
    )


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, small_digits: data.Digits) -> Command:
    """``main`` in this process, on a hundred digits."""
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: small_digits)
    return lambda *options: main([*TINY, *map(str, options)])
