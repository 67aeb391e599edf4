"""How things are measured: interleaved, as medians of paired ratios; memory process by process."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import torch

from tutorial_lib import utils

from . import contenders


def interleaved(tasks: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each task, over ``rounds`` rounds that run all in turn, after one warm-up."""
    for task in tasks.values():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: Mapping[str, list[float]], slow: str, fast: str) -> float:
    """How many times as fast ``fast`` is as ``slow``: the median over the rounds' own ratios."""
    pairs = zip(seconds[slow], seconds[fast], strict=True)
    return statistics.median(a / b for a, b in pairs)


def peak_memory(name: str, mode: str, batch: int, steps: int, micro_batch: int = 0) -> float:
    """Peak memory in MiB of one training step or evaluation batch, over what the imports took."""
    command = [sys.executable, "-m", "benchmarks.measure", name, mode]
    command += [str(batch), str(steps), str(micro_batch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> dict[str, object]:
    """Versions, threads and processor of this run."""
    import importlib.metadata as metadata

    names = ("torch", "snntorch", "spikingjelly", "tutorial-lib")
    return {
        "versions": {name: metadata.version(name) for name in names},
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "processor": _processor(),
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


def _forget_peak() -> None:
    """Let the peak start anew from what is resident now, where the system can (Linux)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _peak() -> float:
    """Peak resident memory of this process in MiB.

    Not from getrusage where /proc has it: that figure starts at the peak of the parent process,
    which here is the benchmark itself with all contenders in memory.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            (line,) = [line for line in status if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _one_process(name: str, mode: str, batch: int, steps: int, micro_batch: int) -> float:
    """Two runs in this process; returns how far the peak rose above what was there before."""
    utils.keep_freed_memory()
    contender = contenders.make(name)
    data, targets = contenders.batch(batch)
    small = contenders.batch(2)
    getattr(contender, mode)(*small, 2)  # libraries load and threads start before the count
    _forget_peak()
    before = _peak()
    for _ in range(2):
        if micro_batch:
            _train_in_parts(contender, data, targets, steps, micro_batch)
        else:
            getattr(contender, mode)(data, targets, steps)
    return _peak() - before


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
    name, mode, *numbers = sys.argv[1:]
    print(json.dumps(_one_process(name, mode, *map(int, numbers))))
