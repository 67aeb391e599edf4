"""What this machine's processor computes fast."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
import torch

from tutorial_lib.fast import has_bf16_units, processor
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import forward_pass, record_spikes

CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(not (sys.platform == "linux" and CPUINFO.exists()), reason="reads Linux's list")
def test_units_for_bfloat16_are_those_of_the_list() -> None:
    """The kernel's own list of what the processor has."""
    words = set(CPUINFO.read_text().split())
    if not words & {"avx2", "asimd"}:
        pytest.skip("another kind of processor")
    assert has_bf16_units() == bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


@pytest.mark.parametrize("schedule", ["layer", "step"])
@pytest.mark.parametrize("run", [forward_pass, record_spikes])
@pytest.mark.parametrize("units", [False, True])
def test_mixed_precision_without_units_is_warned_of(
    units: bool, run: object, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "has_bf16_units", lambda: units)
    net, data = conv_net(), torch.rand(2, 1, 28, 28)
    for enabled in (True, False):
        with warnings.catch_warnings(record=True) as caught, torch.no_grad():
            warnings.simplefilter("always")
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                run(net, 2, data, schedule=schedule)
        said = [w for w in caught if "no units for bfloat16" in str(w.message)]
        assert len(said) == (enabled and not units)
        assert all("float32" in str(w.message) and w.filename == __file__ for w in said)
