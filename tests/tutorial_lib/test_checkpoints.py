"""Checkpoints: whole or not at all, checked when they are read, loaded all or nothing."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from tests.helpers import (
    ROOT,
    adam,
    fit,
    largest_file,
    names,
    saved,
    small_dataset,
    small_net,
    weights,
)
from tutorial_lib.simulation import Simulation, forward_pass
from tutorial_lib.training import History, load_checkpoint, save_checkpoint
from tutorial_lib.training._checkpoints import pack

STEPS = 8


def trained() -> tuple[nn.Module, torch.optim.Optimizer, History]:
    net = small_net()
    optimizer = adam(net)
    loader = DataLoader(small_dataset(20), batch_size=10)
    return net, optimizer, fit(net, loader, 3, optimizer=optimizer, eval_loader=loader)


# ---------------------------------------------------------------- there and back


def test_round_trip(tmp_path: Path) -> None:
    net, _, history = trained()
    path = save_checkpoint(str(tmp_path / "net.pt"), net, history=history)
    assert path == tmp_path / "net.pt" and names(tmp_path) == ["net.pt"]
    twin, data = small_net(), torch.randn(5, 6)
    assert load_checkpoint(path, twin) == history
    for a, b in zip(forward_pass(net, STEPS, data), forward_pass(twin, STEPS, data), strict=True):
        assert torch.equal(a, b)
    assert load_checkpoint(save_checkpoint(tmp_path / "bare.pt", net), twin) is None


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    batches = list(DataLoader(small_dataset(30), batch_size=10))
    start = small_net().state_dict()
    whole, first, second = small_net(), small_net(), small_net()
    for net in (whole, first):
        net.load_state_dict(start)
    settings = {"eval_loader": batches, "eval_every": 3}
    uninterrupted = fit(whole, batches, 12, **settings)
    optimizer = adam(first)
    history = fit(first, batches, 6, optimizer=optimizer, **settings)
    path = save_checkpoint(tmp_path / "net.pt", first, optimizer, history)
    optimizer = adam(second)
    history = load_checkpoint(path, second, optimizer)
    fit(second, batches, 6, optimizer=optimizer, history=history, **settings)
    assert history == uninterrupted
    assert torch.equal(weights(whole), weights(second))


def test_torch_alone_reads_it_and_it_holds_data_not_code(tmp_path: Path) -> None:
    net, optimizer, history = trained()
    settings = {"lr": 0.01, "data": "digits"}
    path = save_checkpoint(tmp_path / "net.pt", net, optimizer, history, settings=settings)
    content = torch.load(path, weights_only=True)
    assert set(content) == {"net", "optimizer", "history", "settings"}
    assert set(content["net"]) == set(net.state_dict()) and content["settings"] == settings


# ---------------------------------------------------------------- damage


def flipped(packed: bytes, draw: random.Random) -> bytes:
    index = draw.randrange(len(packed))
    return packed[:index] + bytes([packed[index] ^ 1 << draw.randrange(8)]) + packed[index + 1 :]


def overwritten(packed: bytes, draw: random.Random) -> bytes:
    start, size = draw.randrange(len(packed)), draw.randint(1, 600)
    return (packed[:start] + draw.randbytes(size) + packed[start + size :])[: len(packed)]


def cut(packed: bytes, draw: random.Random) -> bytes:
    return packed[: draw.randrange(len(packed))]


def grown(packed: bytes, draw: random.Random) -> bytes:
    return packed + draw.randbytes(draw.randint(1, 100))


@pytest.mark.parametrize("damage", [flipped, overwritten, cut, grown])
def test_a_damaged_file_is_always_noticed(damage: Callable, tmp_path: Path) -> None:
    net, optimizer, history = trained()
    path = save_checkpoint(tmp_path / "net.pt", net, optimizer, history)
    good, draw = path.read_bytes(), random.Random(0)
    before = weights(net)
    for _ in range(150):
        bad = damage(good, draw)
        path.write_bytes(bad)
        if bad != good:
            with pytest.raises(ValueError, match=r"net\.pt is no checkpoint .* damaged"):
                load_checkpoint(path, net, optimizer)
    assert torch.equal(weights(net), before)
    path.write_bytes(good)
    assert load_checkpoint(path, net, optimizer) == history


class Trap:
    """Unpickling this runs code."""

    ran = False

    @staticmethod
    def spring() -> None:
        Trap.ran = True

    def __reduce__(self) -> tuple:
        return Trap.spring, ()


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "net.pt"
    state, model = tmp_path / "state", tmp_path / "model"
    torch.save(net.state_dict(), state)
    torch.save(net, model)
    trap = pickle.dumps(Trap(), protocol=2)
    files = [b"hello", b"", pickle.dumps({"net": 1}), trap, pack({"net": Trap()}), pack({}),
             state.read_bytes(), model.read_bytes()]  # fmt: skip
    for content in files:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"net\.pt is no checkpoint.*Nothing in it was run"):
            load_checkpoint(path, net)
    assert not Trap.ran
    pickle.loads(trap)
    assert Trap.ran  # it would have
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*absent\.pt.*save_checkpoint"):
        load_checkpoint(tmp_path / "absent.pt", net)


# ---------------------------------------------------------------- all or nothing


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def two_groups(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([{"params": net[0].parameters()}, {"params": net[2].parameters()}])


def with_content(**changes: object) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        net, optimizer, history = trained()
        content = torch.load(save_checkpoint(path, net, optimizer, history), weights_only=True)
        path.write_bytes(pack({**content, **changes}))
        return path

    return save


def saved_with(net: nn.Module, make: Callable | None = adam) -> Callable[[Path], Path]:
    return lambda path: save_checkpoint(path, net, make and make(net), History())


@pytest.mark.parametrize(
    ("save", "make", "error", "message"),
    [
        (saved_with(small_net(classes=4)), adam, RuntimeError, r"size mismatch for 2\.weight"),
        (saved_with(small_net(beta=0.5)), None, ValueError, r"beta = 0\.5 .*layer '1'.* has 0\.8"),
        (saved_with(small_net(threshold=2.0)), adam, ValueError, r"threshold = 2 .* has 1\."),
        (saved_with(small_net(), None), adam, ValueError, r"no optimizer state"),
        (saved_with(small_net(), sgd), adam, ValueError, r"another kind .*SGD, this one has Adam"),
        (saved_with(small_net(), two_groups), adam, ValueError, r"another parameter .*'2\.bias'"),
        (saved_with(small_net(reset_mechanism="zero")), adam, RuntimeError, r"'zero'"),
        (saved_with(small_net(detach_reset=False)), adam, RuntimeError, r"detach_reset"),
        (with_content(history={"loss": [1.0]}), adam, ValueError, r"loss must be a list of 0"),
        (with_content(history=3), adam, ValueError, r"holds no history of this library"),
        (
            with_content(optimizer={"kind": "Adam", "parameters": [["0.weight", "0.bias",
            "2.weight", "2.bias"]], "state": {"state": {}, "param_groups": []}}),
            adam, ValueError, r"different number of parameter groups",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_changes_nothing(
    save: Callable, make: Callable | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path, (net, optimizer, _) = save(tmp_path / "net.pt"), trained()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    moments = [state["exp_avg"].clone() for state in optimizer.state.values()]
    with pytest.raises(error, match=message):
        load_checkpoint(path, net, optimizer if make else None)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    for state, moment in zip(optimizer.state.values(), moments, strict=True):
        assert torch.equal(state["exp_avg"], moment)


def test_learned_settings_are_loaded_and_a_coarser_precision_is_no_other_setting(
    tmp_path: Path,
) -> None:
    net = small_net(learn_beta=True)
    net[1].beta.data.fill_(0.3)
    twin = small_net(learn_beta=True)
    load_checkpoint(save_checkpoint(tmp_path / "learned.pt", net), twin)
    assert twin[1].beta.item() == pytest.approx(0.3)
    path = save_checkpoint(tmp_path / "single.pt", small_net())
    for dtype in (torch.float64, torch.bfloat16):
        load_checkpoint(path, small_net().to(dtype))


# ---------------------------------------------------------------- writing


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path, net = tmp_path / "mine.pt", small_net()
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"mine\.pt exists already.*overwrite=True"):
        save_checkpoint(path, net)
    with pytest.raises(TypeError, match=r"overwrite must be True or False, got 'no'"):
        save_checkpoint(path, net, overwrite="no")
    assert path.read_bytes() == b"mine"
    save_checkpoint(path, net, overwrite=True)
    load_checkpoint(path, net)
    assert names(tmp_path) == ["mine.pt"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (".", IsADirectoryError, r"is a folder"),
        ("absent/net.pt", FileNotFoundError, r"absent of path .* does not exist. Create it"),
        ("/proc/net.pt", OSError, r"/proc/net\.pt could not be written.*another folder"),
        ("pipe", OSError, r"pipe is a device or a pipe"),
        ("", TypeError, r"path must be the path of a file, got ''"),
    ],
)
def test_places_that_cannot_be_written(
    name: str, error: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.startswith("/") and not Path(name).parent.is_dir():
        pytest.skip("no such folder on this system")
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(error, match=message):
        save_checkpoint(name, small_net(), overwrite=True)
    assert names(tmp_path) == ["pipe"] and Path("pipe").is_fifo()


def test_what_is_not_worth_saving(tmp_path: Path) -> None:
    net = small_net()
    for arguments, error, message in [
        ((net, 3), TypeError, r"torch optimizer, got int"),
        ((net, adam(small_net())), ValueError, r"none of this network's parameters"),
        ((net, None, {}), TypeError, r"history must be a History or None, got dict"),
        ((small_net, None), TypeError, r"nn\.Module, got function"),
    ]:
        with pytest.raises(error, match=message):
            save_checkpoint(tmp_path / "net.pt", *arguments)
    net[0].bias.data[2] = torch.nan
    with pytest.raises(ValueError, match=r"'0\.bias' is not finite"):
        save_checkpoint(tmp_path / "net.pt", net)
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    net = small_net()
    path = save_checkpoint(tmp_path / "net.pt", net)
    before = path.read_bytes()
    with pytest.raises(OSError, match=r"net\.pt could not be written.*disk full") as refused:
        with largest_file(1000):
            save_checkpoint(path, net, overwrite=True)
    assert refused.value.errno == errno.EFBIG
    assert path.read_bytes() == before and names(tmp_path) == ["net.pt"]


def test_permissions_and_links_are_the_users(tmp_path: Path) -> None:
    net, old = small_net(), os.umask(0o027)
    try:
        path = save_checkpoint(tmp_path / "net.pt", net)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    before = path.read_bytes()
    net[0].bias.data += 1
    save_checkpoint(link, net, overwrite=True)
    assert link.is_symlink() and path.read_bytes() != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


KILLED = """
import sys
from tests.helpers import small_net
from tutorial_lib.training import save_checkpoint
net = small_net()
while True:
    save_checkpoint(sys.argv[1], net, overwrite=True)
    print("saved", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
def test_a_kill_leaves_a_whole_file_and_the_next_save_no_litter(tmp_path: Path) -> None:
    path, draw = tmp_path / "net.pt", random.Random(0)
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(draw.randint(5, 40)):
            process.stdout.readline()
        process.kill()
    load_checkpoint(path, small_net())
    left = tmp_path / ".net.pt.tutorial_lib.part"
    left.write_bytes(b"half of a checkpoint")  # whether or not the kill left one
    save_checkpoint(path, small_net(), overwrite=True)
    assert names(tmp_path) == ["net.pt"]


# ---------------------------------------------------------------- what is saved can be loaded


def test_numbers_of_numpy_are_saved_as_pythons(tmp_path: Path) -> None:
    """accuracy_rate gives one; a checkpoint with it could not be loaded, ever."""
    history = History(iterations=[1], loss=[np.float32(0.5)], accuracy=[np.float64(0.25)])
    settings = {"accuracy": np.float64(0.25), "steps": np.int64(5), "name": "first"}
    path = save_checkpoint(tmp_path / "a.pt", small_net(), history=history, settings=settings)
    assert load_checkpoint(path, small_net()) == history
    assert saved(path)["settings"] == settings
    assert json.loads(json.dumps(history.state_dict())) == history.state_dict()


class WithObject(nn.Linear):
    def get_extra_state(self) -> object:
        return {"object": Path("here")}

    def set_extra_state(self, state: object) -> None:
        pass


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (small_net, {"folder": Path("here")}, r"settings\['folder'\] must hold .*got .*here"),
        (small_net, {"f": lambda: 1}, r"settings\['f'\] must hold .*got <function"),
        (small_net, {"curve": np.arange(3)}, r"settings\['curve'\] must hold .*array"),
        (lambda: WithObject(2, 2), {}, r"net must hold tensors.*got OrderedDict"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    tmp_path: Path, net: Callable, settings: dict, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        save_checkpoint(tmp_path / "a.pt", net(), settings=settings)
    assert not names(tmp_path)


def test_a_history_that_was_spoilt_is_not_saved(tmp_path: Path) -> None:
    history = History(iterations=[1], loss=[0.5], accuracy=[0.25])
    history.loss.append("high")
    with pytest.raises(ValueError, match=r"loss must be a list of numbers, got \[0\.5, 'high'\]"):
        save_checkpoint(tmp_path / "a.pt", small_net(), history=history)
    assert not names(tmp_path)


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda net: Simulation(net, 5), torch.compile])
def test_a_checkpoint_for_what_is_wrapped_says_so(tmp_path: Path, wrap: Callable) -> None:
    path = save_checkpoint(tmp_path / "a.pt", small_net())
    wrapper = wrap(small_net())
    (inner,) = dict(wrapper.named_children())
    with pytest.raises(RuntimeError) as raised:
        load_checkpoint(path, wrapper)
    assert f"load_checkpoint(path, net.{inner})" in raised.value.__notes__[0]
    load_checkpoint(path, getattr(wrapper, inner))


# ---------------------------------------------------------------- paths


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "one.pt").symlink_to("other.pt")
    (tmp_path / "other.pt").symlink_to("one.pt")
    for name in ("x" * 300 + ".pt", "x\0.pt", "one.pt"):
        path = tmp_path / name
        for call in (save_checkpoint, load_checkpoint):
            if call is load_checkpoint and name == "one.pt":
                continue  # there is no such file
            with pytest.raises(ValueError, match=r"path cannot be the path of a file"):
                call(path, small_net())
    assert names(tmp_path) == ["one.pt", "other.pt"]


def test_a_link_into_a_folder_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.pt").symlink_to(tmp_path / "gone" / "a.pt")
    with pytest.raises(FileNotFoundError, match=r"The folder .*gone of path .*does not exist"):
        save_checkpoint(tmp_path / "a.pt", small_net())


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert save_checkpoint("~/a.pt", small_net()) == tmp_path / "a.pt"
    load_checkpoint("~/a.pt", small_net())
