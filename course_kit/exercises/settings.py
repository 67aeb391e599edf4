"""What a process has set: a check leaves it as it was, whatever an answer does."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import torch

__all__ = ["kept"]


def _set_device(old: torch.device) -> None:
    torch.set_default_device(None if old.type == "cpu" else old)


def _streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr, sys.path, [*sys.path]


def _set_streams(old: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr, sys.path, entries = old
    sys.path[:] = entries


def _flushes() -> bool:
    """Do tiny numbers become 0 on this CPU? (Torch can set this, but not tell it.)"""
    return bool(torch.full((), 1e-310, dtype=torch.float64) * 1 == 0)


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def _set_handlers(old: list[Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), old, strict=True):
            if handler is not None:
                signal.signal(number, handler)


_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (os.getcwd, os.chdir),
    (os.environ.copy, lambda old: (os.environ.clear(), os.environ.update(old))),
    (_streams, _set_streams),
    (_handlers, _set_handlers),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (gc.isenabled, lambda old: gc.enable() if old else gc.disable()),
    (np.geterr, lambda old: np.seterr(**old)),
    (np.get_printoptions, lambda old: np.set_printoptions(**old)),
    (torch.get_default_device, _set_device),  # before torch makes tensors
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.is_warn_always_enabled, torch.set_warn_always),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (_flushes, torch.set_flush_denormal),
)


@contextmanager
def kept() -> Iterator[None]:
    """Runs its body with the same random numbers each time, then puts back what it has changed.

    That is: the random numbers of Python, NumPy and torch, the working directory, the environment,
    standard streams, warnings, handlers of signals, the style of figures, and the switches of NumPy
    and torch. Nothing can take back torch's interoperation threads, set once per process.
    """
    before = [read() for read, _ in _SETTINGS]
    state, legacy = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    try:
        with warnings.catch_warnings(), mpl.rc_context(), torch.random.fork_rng(devices):
            torch.set_grad_enabled(True)
            for seed in (torch.default_generator.manual_seed, np.random.seed, random.seed):
                seed(0)
            yield
    finally:
        for (read, write), old in zip(_SETTINGS, before, strict=True):
            if read() != old:
                write(old)
        random.setstate(state)
        np.random.set_state(legacy)
