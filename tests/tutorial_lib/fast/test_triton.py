"""The GPU kernels: run in Triton's interpreter, compiled for a GPU, and run where there is one.

Triton comes with PyTorch's CUDA builds; elsewhere `make triton` installs it and runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import tutorial_lib

pytest.importorskip("triton", reason="Triton is not installed; `make triton` does so")

HERE = Path(__file__).parent
ROOT = Path(tutorial_lib.__file__).parent.parent

COMPILE = """
import itertools
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from tutorial_lib.fast import triton_kernels

target = GPUTarget("cuda", 90, 32)
for kernel, mechanism, flag in itertools.product(
    (triton_kernels._forward, triton_kernels._backward),
    triton_kernels.MECHANISMS.values(),
    (False, True),
):
    constants = {"MECHANISM": mechanism, "DETACHED": flag, "ONE_BETA": flag,
                 "ONE_THRESHOLD": not flag, "BLOCK": triton_kernels.BLOCK}
    constants = {name: constants[name] for name in kernel.arg_names if name in constants}
    kinds = {name: "*fp32" if "_ptr" in name else "i32" for name in kernel.arg_names}
    kinds |= dict.fromkeys(constants, "constexpr") | ({"end": "i64"} if "end" in kinds else {})
    if flag and "spk_ptr" in kinds:
        kinds |= {"cur_ptr": "*bf16", "spk_ptr": "*bf16"}
    source = ASTSource(fn=kernel, signature=kinds, constexprs=constants)
    code = triton.compile(source, target=target, options=triton_kernels.OPTIONS).asm["ptx"]
    assert "st.global" in code
    print("fma" in code)
"""


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("interpret", ["1", "0"])
def test_equal_to_the_plain_loop(interpret: str) -> None:
    """In a process of its own: Triton decides at its import whether it interprets."""
    if interpret == "0" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    options = ["-q", "-x", "-p", "no:cacheprovider"]
    file = str(HERE / "triton_kernels.py")
    done = python("-m", "pytest", *options, file, TRITON_INTERPRET=interpret)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout


def test_compiled_for_a_gpu(tmp_path: Path) -> None:
    """All variants, without contraction of products and sums: spikes as the plain loop has them."""
    done = python("-c", COMPILE, TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False"] * 12
