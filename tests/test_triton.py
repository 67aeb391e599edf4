"""The GPU kernels equal the plain loop: compared in Triton's interpreter, which needs no GPU."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="needs Triton: make triton")

COMPARE = """
import itertools
import torch
from tutorial_lib import Leaky, _lif_sequence, surrogate
from tutorial_lib._lif_sequence import lif_sequence

kernels = _lif_sequence._kernels
assert kernels(torch.zeros(1)) is not None, "the kernels are not in use"
torch.manual_seed(0)
count = 0
for mechanism, detach, constant, vector, keep, dtype in itertools.product(
    ("subtract", "zero", "none"), (True, False), (True, False), (True, False), (True, False),
    (torch.float64, torch.float32, torch.bfloat16),
):
    shape = (2, 3, 4, 5)
    cur = torch.randn(*(() if constant else (6,)), *shape, dtype=dtype) * 2
    if constant:
        cur = cur.contiguous(memory_format=torch.channels_last)
    parameter = torch.float64 if dtype is torch.float64 else torch.float32
    beta = torch.rand((3, 1, 1) if vector else (), dtype=parameter)
    threshold = torch.rand((3, 1, 1) if vector else (), dtype=parameter) + 0.2
    found = []
    for use in (kernels, lambda mem: None):
        _lif_sequence._kernels = use
        leaves = [t.clone().requires_grad_() for t in (cur, beta, threshold)]
        spk, mem = lif_sequence(
            leaves[0], 6, leaves[1], leaves[2], surrogate.fast_sigmoid(3), mechanism, detach,
            constant=constant, keep_mem=keep,
        )
        generator = torch.Generator().manual_seed(1)
        loss = (spk * torch.rand(spk.shape, generator=generator)).sum()
        loss = loss + mem.square().sum() if keep else loss
        found.append((spk, mem, *torch.autograd.grad(loss, leaves, allow_unused=True)))
    for name, a, b in zip(("spk", "mem", "cur", "beta", "threshold"), *found):
        torch.testing.assert_close(a, b, msg=lambda m: f"{name} {mechanism} {dtype}: {m}")
    count += 1
print(count, "settings are equal")
"""


def test_kernels_equal_the_plain_loop() -> None:
    env = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", COMPARE], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "144 settings are equal"
