"""The calls of snnTorch's tutorials 3, 5 and 6 on tiny data, with nothing changed but the imports.

Each function is given the modules that its tutorial imports: once snnTorch's, once this library's.
Both must run, and give the same numbers.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import snntorch
import snntorch.functional
import snntorch.spikegen
import snntorch.surrogate
import snntorch.utils
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import tutorial_lib
import tutorial_lib.encoding
import tutorial_lib.functional
import tutorial_lib.plotting as splt
import tutorial_lib.surrogate
import tutorial_lib.utils

THEIRS = SimpleNamespace(
    snn=snntorch,
    SF=snntorch.functional,
    surrogate=snntorch.surrogate,
    utils=snntorch.utils,
    spikegen=snntorch.spikegen,
)
OURS = SimpleNamespace(
    snn=tutorial_lib,
    SF=tutorial_lib.functional,
    surrogate=tutorial_lib.surrogate,
    utils=tutorial_lib.utils,
    spikegen=tutorial_lib.encoding,
)


def tutorial_3(lib: SimpleNamespace) -> list[Tensor]:
    """A single neuron that starts from ``torch.zeros(1)``, then a layer on random spikes."""
    snn, spikegen = lib.snn, lib.spikegen
    torch.manual_seed(3)
    lif1 = snn.Leaky(beta=0.8)
    cur_in = torch.cat((torch.zeros(10), torch.ones(40) * 0.3), 0)
    mem, spk = torch.zeros(1), torch.zeros(1)
    mem_rec, spk_rec = [], []
    for step in range(50):
        spk, mem = lif1(cur_in[step], mem)
        mem_rec.append(mem)
        spk_rec.append(spk)
    single = torch.stack(mem_rec), torch.stack(spk_rec)

    fc1, fc2 = nn.Linear(30, 20), nn.Linear(20, 9)
    lif1, lif2 = snn.Leaky(beta=0.99), snn.Leaky(beta=0.99)
    mem1, mem2 = lif1.init_leaky(), lif2.init_leaky()
    spk1_rec, spk2_rec, mem2_rec = [], [], []
    spk_in = spikegen.rate_conv(torch.rand((50, 30))).unsqueeze(1)
    for step in range(50):
        spk1, mem1 = lif1(fc1(spk_in[step]), mem1)
        spk2, mem2 = lif2(fc2(spk1), mem2)
        spk1_rec.append(spk1)
        spk2_rec.append(spk2)
        mem2_rec.append(mem2)
    return [*single, spk_in, *(torch.stack(rec) for rec in (spk1_rec, spk2_rec, mem2_rec))]


class HandWrittenATan(torch.autograd.Function):
    """The spike function that tutorial 5 writes out."""

    @staticmethod
    def forward(ctx, mem: Tensor) -> Tensor:  # noqa: ANN001
        ctx.save_for_backward(mem)
        return (mem > 0).float()

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:  # noqa: ANN001
        (mem,) = ctx.saved_tensors
        return 1 / (1 + (np.pi * mem).pow(2)) * grad_output


def tutorial_5(lib: SimpleNamespace) -> list[float]:
    """A dense network as a class, trained on the cross entropy of the membranes at each step."""
    snn = lib.snn
    torch.manual_seed(5)
    batch_size, num_steps, dtype = 8, 6, torch.float

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1 = nn.Linear(36, 40)
            self.lif1 = snn.Leaky(beta=0.95, spike_grad=HandWrittenATan.apply)
            self.fc2 = nn.Linear(40, 3)
            self.lif2 = snn.Leaky(beta=0.95)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            spk2_rec, mem2_rec = [], []
            for _ in range(num_steps):
                spk1, mem1 = self.lif1(self.fc1(x), mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
                spk2_rec.append(spk2)
                mem2_rec.append(mem2)
            return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)

    images, targets = images_and_targets(32, 6)
    loader = DataLoader(
        TensorDataset(images, targets), batch_size=batch_size, shuffle=True, drop_last=True
    )
    net = Net()
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, betas=(0.9, 0.999))
    loss_hist, acc_hist = [], []
    for data, labels in iter(loader):
        spk_rec, mem_rec = net(data.view(batch_size, -1))
        loss_val = torch.zeros((1), dtype=dtype)
        for step in range(num_steps):
            loss_val += loss(mem_rec[step], labels)
        optimizer.zero_grad()
        loss_val.backward()
        optimizer.step()
        loss_hist.append(loss_val.item())
        _, idx = spk_rec.sum(dim=0).max(1)
        acc_hist.append(np.mean((labels == idx).detach().cpu().numpy()))
    return [*loss_hist, *acc_hist, spk_rec.mean().item()]


def tutorial_6(lib: SimpleNamespace) -> tuple[list[float], Tensor]:
    """The convolutional network, as a class and as ``nn.Sequential``, and its training loop."""
    snn, SF, surrogate, utils = lib.snn, lib.SF, lib.surrogate, lib.utils
    torch.manual_seed(6)
    batch_size, num_steps = 8, 6
    spike_grad = surrogate.fast_sigmoid(slope=25)
    beta = 0.5

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 4, 5)
            self.lif1 = snn.Leaky(beta=beta, spike_grad=spike_grad)
            self.fc1 = nn.Linear(4 * 6 * 6, 3)
            self.lif2 = snn.Leaky(beta=beta, spike_grad=spike_grad)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            cur1 = F.max_pool2d(self.conv1(x), 2)
            spk1, mem1 = self.lif1(cur1, mem1)
            cur2 = self.fc1(spk1.view(batch_size, -1))
            return self.lif2(cur2, mem2)

    net = nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True),
        nn.Conv2d(4, 6, 3),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True),
        nn.Flatten(),
        nn.Linear(6 * 2 * 2, 3),
        snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True, output=True),
    )
    wake(net, 3)

    def forward_pass(net: nn.Module, num_steps: int, data: Tensor) -> tuple[Tensor, Tensor]:
        mem_rec, spk_rec = [], []
        utils.reset(net)
        for _ in range(num_steps):
            spk_out, mem_out = net(data)
            spk_rec.append(spk_out)
            mem_rec.append(mem_out)
        return torch.stack(spk_rec), torch.stack(mem_rec)

    def batch_accuracy(train_loader: DataLoader, net: nn.Module, num_steps: int) -> float:
        with torch.no_grad():
            total = 0
            acc = 0
            net.eval()
            for data, targets in iter(train_loader):
                spk_rec, _ = forward_pass(net, num_steps, data)
                acc += SF.accuracy_rate(spk_rec, targets) * spk_rec.size(1)
                total += spk_rec.size(1)
        return acc / total

    images, targets = images_and_targets(32, 16)
    loader = DataLoader(
        TensorDataset(images, targets), batch_size=batch_size, shuffle=True, drop_last=True
    )
    one_step = Net()
    wake(one_step, 10)
    spk, _ = one_step(images[:batch_size])
    loss_fn = SF.ce_rate_loss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.999))
    loss_hist, test_acc_hist, counter = [], [], 0
    for _ in range(1):  # more, and rounding errors grow until a spike differs
        for data, labels in iter(loader):
            net.train()
            spk_rec, _ = forward_pass(net, num_steps, data)
            loss_val = loss_fn(spk_rec, labels)
            optimizer.zero_grad()
            loss_val.backward()
            optimizer.step()
            loss_hist.append(loss_val.item())
            if counter % 2 == 0:
                test_acc = batch_accuracy(loader, net, num_steps)
                assert "%" in f"Iteration {counter}, Test Acc: {test_acc * 100:.2f}%"
                test_acc_hist.append(test_acc.item())
            counter += 1
    spk_rec, mem_rec = forward_pass(net, num_steps, images[:batch_size])
    return [*loss_hist, *test_acc_hist, spk.mean().item()], torch.stack([spk_rec, mem_rec])


def wake(net: nn.Module, gain: float) -> None:
    """Not in the tutorial, whose untrained output is silent: a comparison needs spikes."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(gain)


def images_and_targets(count: int, side: int) -> tuple[Tensor, Tensor]:
    """Images with a bright bar in one of three places; bright enough for neurons to fire."""
    targets = torch.arange(count) % 3
    images = torch.rand(count, 1, side, side)
    for image, target in zip(images, targets, strict=True):
        image[:, target * side // 3 : (target + 1) * side // 3] += 3
    return images, targets


def test_tutorial_3() -> None:
    ours, theirs = tutorial_3(OURS), tutorial_3(THEIRS)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
    assert all(0 < rec.mean() < 1 for rec in (ours[1], ours[2], ours[3], ours[4]))


def test_tutorial_5() -> None:
    ours, theirs = tutorial_5(OURS), tutorial_5(THEIRS)
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert 0 < ours[-1] < 1, "a silent network would prove nothing"


def test_tutorial_6() -> None:
    (ours, record), (theirs, expected) = tutorial_6(OURS), tutorial_6(THEIRS)
    assert ours == pytest.approx(theirs, rel=1e-4)
    torch.testing.assert_close(record, expected, rtol=1e-4, atol=1e-4)
    assert 0 < record[0].mean() < 1 and 0 < ours[-1] < 1


def test_the_drawings(tmp_path: Path) -> None:
    """As the three tutorials call them."""
    _, _, spk_in, spk1_rec, spk2_rec, mem2_rec = tutorial_3(OURS)
    num_steps = len(spk_in)
    _, ax = plt.subplots(3, sharex=True, gridspec_kw={"height_ratios": [1, 1, 0.4]})
    splt.raster(spk_in[:, 0], ax[0], s=0.03, c="black")
    ax[0].set_ylabel("Input Spikes")
    splt.raster(spk1_rec.reshape(num_steps, -1), ax[1], s=0.05, c="black")
    splt.raster(spk2_rec.reshape(num_steps, -1), ax[2], c="black", marker="|")
    assert all(panel.collections for panel in ax)

    splt.traces(mem2_rec.squeeze(1), spk=spk2_rec.squeeze(1))
    fig = plt.gcf()
    fig.set_size_inches(8, 6)
    assert len(fig.axes) == mem2_rec.shape[-1]

    fig, ax = plt.subplots(facecolor="w", figsize=(4, 3))
    labels = [str(i) for i in range(9)]
    spikes = spk2_rec.squeeze(1).detach().cpu()[:3]
    anim = splt.spike_count(spikes, fig, ax, labels=labels, animate=True, interpolate=4)
    anim.save(tmp_path / "spike_bar.gif")
    assert (tmp_path / "spike_bar.gif").stat().st_size > 0
    assert len(list(anim.new_frame_seq())) == 3 * 4
    plt.close("all")
