"""What `import tutorial_lib` costs, the names that a reader of tutorial 6 knows, and the floors."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import tutorial_lib

PACKAGE = Path(tutorial_lib.__file__).parent
HEAVY = ["torchvision", "sklearn", "scipy", "matplotlib", "ipywidgets", "IPython", "tqdm", "PIL"]
FLOORS = {
    "_checks": 0,
    "_graphs": 0,
    "_parameters": 0,
    "_torchvision": 0,
    "_snntorch": 1,
    "surrogate": 1,
    "functional": 1,
    "data": 1,
    "encoding": 1,
    "lif": 2,
    "utils": 2,
    "neurons": 3,
    "networks": 4,
    "simulation": 5,
    "fast": 4,
    "training": 6,
    "plotting": 5,
}


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


def imported_rooms(file: Path) -> set[str]:
    """Rooms of tutorial_lib that a file imports, at its top or inside functions."""
    package = ["tutorial_lib", *file.relative_to(PACKAGE).parent.parts]
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            names += [".".join([*module, alias.name]) for alias in node.names]
    parts = [name.split(".") for name in names]
    return {p[1] for p in parts if p[0] == "tutorial_lib" and len(p) > 1 and p[1] in FLOORS}


def test_rooms_import_only_from_lower_floors() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py"]
    assert len(files) > 10
    for file in files:
        if file.name == "cuda_graph.py":  # stands on simulation until the engine has one door
            continue
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        floor = FLOORS.get(room, 7)  # parts of a room and command lines: nothing stands on them
        for other in imported_rooms(file) - {room}:
            assert FLOORS[other] < floor, f"{file.name} on floor {floor} uses {other}"
    loop = PACKAGE / "training" / "_loop.py"
    assert imported_rooms(loop) >= {"_checks", "functional", "simulation"}
    assert "losses" not in imported_rooms(PACKAGE / "functional" / "temporal.py")
    assert "_checks" in imported_rooms(PACKAGE / "functional" / "temporal.py")
