"""What the processor computes fast, and whether a process keeps the memory that it frees."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from tutorial_lib.fast import has_bf16_units, machine
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import forward_pass, record_spikes

CPUINFO = Path("/proc/cpuinfo")

ROUNDS = """
import resource
import torch
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def round():
    return [torch.ones(5 * 2**20) for _ in range(10)]  # 20 MiB each
round(), round()
before = faults()
for _ in range(5):
    round()
print(faults() - before)
"""
KEEP = "from tutorial_lib import fast\nassert fast.keep_freed_memory()"


def page_faults(first: str) -> int:
    command = [sys.executable, "-c", ROUNDS.format(first=first)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(machine._gnu_c_library() is None, reason="not the GNU C library's malloc")
def test_what_was_freed_is_not_asked_for_again() -> None:
    """Pages that have to be cleared anew, over five rounds of 200 MiB."""
    kept, given_back = page_faults(KEEP), page_faults("")
    if given_back < 1000:
        pytest.skip("this system's allocator keeps its memory without being told")
    assert kept < given_back / 20


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert machine.keep_freed_memory() is False


def test_a_preloaded_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As jemalloc and tcmalloc are: mallopt is there, and means nothing to them."""

    class Library:
        def __init__(self, name: str | None) -> None:
            self.malloc = ctypes.CFUNCTYPE(None)(lambda: None)

        def mallopt(self, *_: int) -> int:
            raise AssertionError("not this process's allocator")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine.ctypes, "CDLL", Library)
    assert machine.keep_freed_memory() is False


def test_another_c_library_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda _: object())
    assert machine.keep_freed_memory() is False


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
    monkeypatch.setattr(machine, "has_bf16_units", lambda: units)
    net, data = conv_net(), torch.rand(2, 1, 28, 28)
    for enabled in (True, False):
        with warnings.catch_warnings(record=True) as caught, torch.no_grad():
            warnings.simplefilter("always")
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                run(net, 2, data, schedule=schedule)
        said = [w for w in caught if "no units for bfloat16" in str(w.message)]
        assert len(said) == (enabled and not units)
        assert all("float32" in str(w.message) and w.filename == __file__ for w in said)
