"""What this machine's processor computes fast."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
import torch

from tutorial_lib.fast import has_bf16_units, processor
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import forward_pass

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not (sys.platform == "linux" and CPUINFO.exists()), reason="reads Linux's list")
def test_units_for_bfloat16_are_those_of_the_list() -> None:
    """The kernel's own list of what the processor has."""
    words = set(CPUINFO.read_text().split())
    if not words & {"avx2", "asimd"}:
        pytest.skip("another kind of processor")
    assert has_bf16_units() == bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


@pytest.mark.parametrize("units", [False, True])
def test_mixed_precision_without_units_is_warned_of(
    units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "has_bf16_units", lambda: units)
    net, data = conv_net(), torch.rand(2, 1, 28, 28)
    for enabled in (True, False):
        with warnings.catch_warnings(record=True) as caught, torch.no_grad():
            warnings.simplefilter("always")
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                forward_pass(net, 2, data)
        said = [str(w.message) for w in caught if "no units for bfloat16" in str(w.message)]
        assert len(said) == (enabled and not units)
        assert all("float32" in message for message in said)
