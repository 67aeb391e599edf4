"""What `import tutorial_lib` costs, and the names that a reader of tutorial 6 knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import tutorial_lib

PACKAGE = Path(tutorial_lib.__file__).parent
HEAVY = ["torchvision", "sklearn", "scipy", "matplotlib", "ipywidgets", "IPython", "tqdm", "PIL"]


def python(code: str) -> str:
    """Run code in a fresh interpreter that finds this copy of the package."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_import_costs_nothing_over_torch_and_changes_no_state() -> None:
    code = """
import json, random, sys
import numpy, torch
def state():
    return [random.getstate()[1][:5], numpy.random.get_state()[1][:5].tolist(),
            torch.get_rng_state().tolist(), str(torch.get_default_dtype()),
            torch.get_num_threads(), torch.is_grad_enabled()]
modules, before = set(sys.modules), repr(state())
import tutorial_lib
from tutorial_lib import functional, networks, neurons, simulation, surrogate, training, utils
new = {name.split(".")[0] for name in set(sys.modules) - modules}
print(json.dumps([sorted(new), repr(state()) == before]))
"""
    new, same_state = json.loads(python(code))
    assert same_state
    assert "tutorial_lib" in new
    assert not set(HEAVY) & set(new)


def test_a_reader_of_tutorial_6_changes_only_the_imports() -> None:
    code = """
import torch
import torch.nn as nn
import tutorial_lib as snn
from tutorial_lib import surrogate, functional as SF, utils, plotting as splt

spike_grad = surrogate.fast_sigmoid(slope=25)
net = nn.Sequential(
    nn.Linear(4, 3),
    snn.Leaky(beta=0.5, spike_grad=spike_grad, init_hidden=True, output=True),
)

def forward_pass(net, num_steps, data):
    mem_rec, spk_rec = [], []
    utils.reset(net)
    for step in range(num_steps):
        spk_out, mem_out = net(data)
        spk_rec.append(spk_out)
        mem_rec.append(mem_out)
    return torch.stack(spk_rec), torch.stack(mem_rec)

spk_rec, mem_rec = forward_pass(net, 5, torch.rand(2, 4))
targets = torch.tensor([0, 2])
loss_fn = SF.ce_rate_loss()
loss_fn(spk_rec, targets).backward()
assert 0 <= SF.accuracy_rate(spk_rec, targets) <= 1
assert callable(splt.spike_count) and callable(splt.animator)
lif1 = snn.Leaky(beta=0.9)
mem = lif1.init_leaky()
spk, mem = lif1(torch.rand(2, 3), mem)
print("works")
"""
    assert python(code) == "works\n"
