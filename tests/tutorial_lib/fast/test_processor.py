"""What this machine's processor computes fast."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tutorial_lib.fast import has_bf16_units

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not (sys.platform == "linux" and CPUINFO.exists()), reason="reads Linux's list")
def test_units_for_bfloat16_are_those_of_the_list() -> None:
    """The kernel's own list of what the processor has."""
    words = set(CPUINFO.read_text().split())
    if not words & {"avx2", "asimd"}:
        pytest.skip("another kind of processor")
    assert has_bf16_units() == bool(words & {"avx512_bf16", "amx_bf16", "bf16"})
