"""How things are measured: interleaved, as medians of paired ratios; memory process by process."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from tutorial_lib import fast

from . import contenders


def interleaved(
    tasks: Mapping[str, Callable[[], None]], rounds: int, device: str = "cpu"
) -> dict[str, list[float]]:
    """Seconds of each task, over ``rounds`` rounds that run all in turn, after a warm-up.

    On a GPU a task runs five times in a row, as in training, and ends when the GPU is done. A run
    is so short there that it would feel what ran before it.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    repeat = 1 if device == "cpu" else 5
    for done in range(-1, rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            for _ in range(repeat):
                task()
            if device != "cpu":
                torch.cuda.synchronize()
            if done >= 0:
                seconds[name].append((time.perf_counter() - start) / repeat)
    return seconds


def everyone(
    rounds: int, batch: int, steps: int, device: str = "cpu"
) -> dict[str, dict[str, list[float]]]:
    """Seconds of a training step and of an evaluation batch of every contender, interleaved."""
    data, targets = contenders.batch(batch, device)
    made = {name: contenders.make(name, device) for name in contenders.names(device)}
    return {
        mode: interleaved(
            {
                name: lambda c=c, mode=mode: getattr(c, mode)(data, targets, steps)
                for name, c in made.items()
            },
            rounds,
            device,
        )
        for mode in ("train", "evaluate")
    }


def everyone_in_processes(
    count: int, rounds: int, batch: int, steps: int
) -> dict[str, dict[str, list[float]]]:
    """:func:`everyone` in this many processes one after the other, their rounds taken together.

    Where a process happens to have its memory makes it up to a tenth faster or slower.
    """
    together: dict[str, dict[str, list[float]]] = {}
    for _ in range(count):
        for mode, found in _in_a_process("everyone", rounds, batch, steps).items():
            for name, seconds in found.items():
                together.setdefault(mode, {}).setdefault(name, []).extend(seconds)
    return together


def ratio(seconds: Mapping[str, list[float]], slow: str, fast: str) -> float:
    """How many times as fast ``fast`` is as ``slow``: the median over the rounds' own ratios."""
    pairs = zip(seconds[slow], seconds[fast], strict=True)
    return statistics.median(a / b for a, b in pairs)


def peak_memory(
    name: str, mode: str, batch: int, steps: int, micro_batch: int = 0, device: str = "cpu"
) -> float:
    """Peak memory in MiB of one training step or evaluation batch.

    On a CPU that of a separate process, over what the imports took. On a GPU what PyTorch holds
    there at most, which needs no separate process.
    """
    if device != "cpu":
        return _one_process(name, mode, device, batch, steps, micro_batch)
    return _in_a_process("memory", name, mode, batch, steps, micro_batch)


def _in_a_process(*arguments: object) -> Any:
    """What this module, run as a program with these arguments, prints last."""
    command = [sys.executable, "-m", "benchmarks.measure", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def machine(device: str = "cpu") -> dict[str, object]:
    """Versions, threads and processor of this run; the GPU, where it ran on one."""
    import importlib.metadata as metadata

    versions = {}
    for name in ("torch", "snntorch", "spikingjelly", "tutorial-lib"):
        with contextlib.suppress(metadata.PackageNotFoundError):  # a peer that took no part
            versions[name] = metadata.version(name)
    return {
        "versions": versions,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        **({} if device == "cpu" else {"gpu": torch.cuda.get_device_name(device)}),
    }


def commit() -> str:
    """The commit that was measured, with a mark if files differ from it; empty without git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.dirname(__file__))
    return done.stdout.strip()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            lines = dict(line.split(":", 1) for line in info.read().splitlines() if ":" in line)
        names = {key.strip(): value.strip() for key, value in lines.items()}
        return names.get("model name", platform.processor())
    except OSError:
        return platform.processor()


def _forget_peak(device: str) -> None:
    """Let the peak start anew from what is there now, where the system can (Linux, and a GPU)."""
    if device != "cpu":
        gc.collect()
        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _peak(device: str) -> float:
    """Peak resident memory of this process in MiB; on a GPU, of PyTorch's tensors there.

    Not from getrusage where /proc has it: that figure starts at the peak of the parent process,
    whatever that has held.
    """
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            (line,) = [line for line in status if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _one_process(
    name: str, mode: str, device: str, batch: int, steps: int, micro_batch: int
) -> float:
    """Two runs in this process; return how far the peak rose above what was there before, MiB."""
    contender = contenders.make(name, device)
    data, targets = contenders.batch(batch, device)
    small = contenders.batch(2, device)
    getattr(contender, mode)(*small, 2)  # libraries load and threads start before the count
    _forget_peak(device)
    before = _peak(device)
    for _ in range(2):
        if micro_batch:
            _train_in_parts(contender, data, targets, steps, micro_batch)
        else:
            getattr(contender, mode)(data, targets, steps)
    return _peak(device) - before


def _train_in_parts(
    contender: contenders.Contender,
    data: torch.Tensor,
    targets: torch.Tensor,
    steps: int,
    size: int,
) -> None:
    from tutorial_lib import functional as SF
    from tutorial_lib import training

    training.train(
        contender.net,
        [(data, targets)],
        contender.optimizer,
        SF.ce_rate_loss(),
        steps,
        num_iterations=1,
        micro_batch=size,
        progress=False,
    )


if __name__ == "__main__":
    fast.keep_freed_memory()
    what, *arguments = sys.argv[1:]
    if what == "everyone":
        print(json.dumps(everyone(*map(int, arguments))))
    else:
        name, mode, *numbers = arguments
        print(json.dumps(_one_process(name, mode, "cpu", *map(int, numbers))))
