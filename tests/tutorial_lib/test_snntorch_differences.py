"""Each row of "Where results differ" in book/from_snntorch.md: both libraries do what it says."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable

import matplotlib.pyplot as plt
import pytest
import snntorch
import snntorch.functional
import snntorch.spikegen
import snntorch.surrogate
import snntorch.utils
import torch
from torch import Tensor, nn

from tests.helpers import ROOT, peers_spikeplot
from tutorial_lib import Leaky, encoding, surrogate, utils
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt

PEER = snntorch.functional
CHECKS: dict[str, Callable[[], None]] = {}


def row(start: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(check: Callable[[], None]) -> Callable[[], None]:
        CHECKS[start] = check
        return check

    return keep


def test_each_row_of_the_page_has_a_check() -> None:
    page = (ROOT / "book" / "from_snntorch.md").read_text(encoding="utf-8")
    table = page.split("## Where results differ")[1].split("\n## ")[0]
    head, *rows = re.findall(r"^\* - (.+)$", table, re.MULTILINE)
    assert head == "Name" and rows == list(CHECKS)


def slope(function: Callable[[Tensor], Tensor], x: float) -> float:
    leaf = torch.tensor([x], requires_grad=True)
    function(leaf).sum().backward()
    return leaf.grad.item()


RECORD = torch.tensor([[[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]])
TARGETS = torch.tensor([1, 0, 1])


@row("`triangular(threshold)`")
def _() -> None:
    theirs, ours = snntorch.surrogate.triangular(0.5), surrogate.triangular(0.5)
    assert (slope(theirs, -0.1), slope(theirs, 0.1)) == (0.5, -0.5)
    assert slope(ours, -0.1) == pytest.approx(slope(ours, 0.1))
    assert slope(ours, 0.1) > 0 and ours.area == 1


@row("`sigmoid(slope=25)`")
def _() -> None:
    theirs, ours = snntorch.surrogate.sigmoid(), surrogate.sigmoid()
    assert slope(theirs, -3.4) >= 0 and slope(theirs, -3.6) != slope(theirs, -3.6)
    assert slope(ours, -3.6) == slope(ours, -1e30) == 0


@row("`Leaky`, another input shape")
def _() -> None:
    theirs, ours = (make(0.5, init_hidden=True, output=True) for make in (snntorch.Leaky, Leaky))
    for layer in (theirs, ours):
        layer(torch.ones(2, 3))
    assert torch.equal(theirs(torch.ones(4, 3))[1], torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"utils\.reset\(net\)"):
        ours(torch.ones(4, 3))


@row("`utils.reset(net)`")
def _() -> None:
    for make, reset, other_is_reset in (
        (snntorch.Leaky, snntorch.utils.reset, True),
        (Leaky, utils.reset, False),
    ):
        net, other, nested = (nn.Sequential(make(0.5, init_hidden=True)) for _ in range(3))
        outer = nn.Sequential(nested)
        for module in (net, other, outer):
            module(torch.ones(2, 3))
        reset(outer)  # snnTorch finds no neurons among its direct children
        assert bool((nested[0].mem == 0).all()) is not other_is_reset
        reset(net)
        assert bool((other[0].mem == 0).all()) is other_is_reset


@row("`ce_rate_loss`, `mse_membrane_loss`")
def _() -> None:
    for name in ("ce_rate_loss", "mse_membrane_loss"):
        assert getattr(PEER, name)()(RECORD, TARGETS).shape == (1,)
        assert getattr(SF, name)()(RECORD, TARGETS).shape == ()


@row('the cross entropies with `weight` and `reduction="sum"`')
def _() -> None:
    kwargs = {"weight": torch.tensor([1.0, 2.0]), "reduction": "sum"}
    for name in ("ce_rate_loss", "ce_count_loss", "ce_max_membrane_loss"):
        theirs, ours = (getattr(lib, name)(**kwargs)(RECORD, TARGETS) for lib in (PEER, SF))
        assert theirs.shape == (3,) and ours.shape == ()
        torch.testing.assert_close(ours, theirs.sum())


@row("the squared errors with `weight`")
def _() -> None:
    weight = torch.tensor([1.0, 5.0])
    for name, kwargs in (
        ("mse_count_loss", {}),
        ("mse_membrane_loss", {}),
        ("mse_temporal_loss", {"off_target": 0}),
    ):
        theirs = getattr(PEER, name)(weight=weight, **kwargs)
        ours = getattr(SF, name)(weight=weight, **kwargs)
        with pytest.raises(RuntimeError, match="size"):
            theirs(RECORD, TARGETS)
        square, targets = RECORD[:, :2], TARGETS[:2]  # as many samples as classes
        plain = getattr(PEER, name)(reduction="none", **kwargs)(square, targets)
        by_class, by_sample = plain * weight[targets], plain * weight[targets].unsqueeze(1)
        torch.testing.assert_close(theirs(square, targets), by_class.mean())
        torch.testing.assert_close(ours(square, targets), by_sample.mean())
        assert not torch.isclose(by_class.mean(), by_sample.mean())


@row("`ce_temporal_loss(weight=...)`")
def _() -> None:
    weight = torch.tensor([1.0, 3.0])
    theirs, ours = (lib.ce_temporal_loss(weight=weight)(RECORD, TARGETS) for lib in (PEER, SF))
    plain = weight[TARGETS] * PEER.ce_temporal_loss(reduction="none")(RECORD, TARGETS)
    torch.testing.assert_close(theirs, plain.sum() / weight[TARGETS].sum())
    torch.testing.assert_close(ours, plain.mean())


@row("`ce_rate_loss(population_code=True)`")
def _() -> None:
    record, pop = torch.cat([RECORD, RECORD.roll(1, -1)], -1), {"population_code": True}
    pop["num_classes"] = 2
    theirs = PEER.ce_rate_loss(**pop, weight=torch.ones(2))(record, TARGETS)
    torch.testing.assert_close(theirs, SF.ce_rate_loss()(record, TARGETS))
    summed = SF.population_spikes(record, 2)
    torch.testing.assert_close(
        SF.ce_rate_loss(**pop)(record, TARGETS), SF.ce_rate_loss()(summed, TARGETS)
    )


@row("`mse_membrane_loss(off_target=-1)`")
def _() -> None:
    mem, targets = torch.tensor([[[1.0, -1.0]]]), torch.tensor([0])
    assert SF.mse_membrane_loss(off_target=-1)(mem, targets).item() == 0
    assert PEER.mse_membrane_loss(off_target=-1)(mem, targets).item() == 0.5


@row("`mse_temporal_loss()`")
def _() -> None:
    spikes = torch.zeros(10, 1, 3)
    spikes[0, 0, 1] = 1  # the target fires at once, the others never
    target = torch.tensor([1])
    assert SF.mse_temporal_loss()(spikes, target).item() == 0
    assert PEER.mse_temporal_loss()(spikes, target).item() == pytest.approx(2 / 3 * 0.9**2)


@row("`mse_temporal_loss(multi_spike=True)`")
def _() -> None:
    spikes = torch.zeros(4, 1, 2)
    spikes[[0, 1], 0, 0] = 1
    spikes[[1, 2], 0, 1] = 1
    wanted = torch.tensor([[[0.0, 1.0]], [[1.0, 2.0]]])
    kwargs = {"target_is_time": True, "multi_spike": True}
    assert SF.mse_temporal_loss(**kwargs)(spikes, wanted).item() == 0
    assert PEER.mse_temporal_loss(**kwargs)(spikes, wanted.clone()).item() > 0


@row("`mse_temporal_loss(target_is_time=True)`")
def _() -> None:
    for lib, changed in ((PEER, True), (SF, False)):
        wanted = torch.full((3, 2), -1.0)
        lib.mse_temporal_loss(target_is_time=True)(RECORD, wanted)
        assert bool((wanted == -1).all()) is not changed


@row("`accuracy_rate(mem_rec, targets)`")
def _() -> None:
    mem_rec = torch.randn(5, 3, 2)
    assert 0 <= PEER.accuracy_rate(mem_rec, TARGETS) <= 1
    with pytest.raises(ValueError, match="must hold spikes"):
        SF.accuracy_rate(mem_rec, TARGETS)


@row("`spike_count(..., animate=True)`")
def _() -> None:
    theirs = peers_spikeplot()
    counted = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs, "_plt_style", lambda data, labels, ax, idx, _: counted.append(idx))
        patch.setattr(theirs, "_GridShader", lambda *args, **kwargs: None)
        fig, ax = plt.subplots()
        plt.figure()
        before = dict(plt.rcParams)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the animation that is dropped
            theirs.spike_count(RECORD[:, 0], fig, ax, ["a", "b"], animate=True)
        changed = {name for name in before if plt.rcParams[name] != before[name]}
        plt.rcParams.update(before)
    assert max(counted) == len(RECORD) - 1  # the spikes [:idx], so not the last step's
    assert {"text.color", "xtick.color"} <= changed
    assert plt.gca() is not ax and plt.gca().lines and not ax.lines  # the time scanner's
    anim = splt.spike_count(RECORD[:, 0], fig, ax, ["a", "b"], animate=True)
    *_, _ = (anim._draw_frame(frame) for frame in range(len(RECORD)))
    totals = RECORD[:, 0].sum(0).tolist()
    assert [bar.get_width() for bar in ax.patches] == totals and dict(plt.rcParams) == before
    plt.close("all")


@row("`spike_count`, `gridshader`")
def _() -> None:
    default = [
        inspect.signature(lib.spike_count).parameters["gridshader"].default
        for lib in (peers_spikeplot(), splt)
    ]
    assert default == [True, False]


@row("`traces`, `dim=(3, 3)`")
def _() -> None:
    plt.figure()
    peers_spikeplot().traces(torch.rand(5, 10))
    assert len(plt.gcf().axes) == 9
    with pytest.raises(IndexError):
        peers_spikeplot().traces(torch.rand(5, 4))
    assert [len(splt.traces(torch.rand(5, count))) for count in (4, 10)] == [4, 10]
    with pytest.raises(ValueError, match="10 neurons"):
        splt.traces(torch.rand(5, 10), dim=(3, 3))
    plt.close("all")


@row("`traces`, `spk_height`")
def _() -> None:
    plt.figure()
    mem, spk = torch.zeros(5, 1), torch.eye(5)[:, :1]
    peers_spikeplot().traces(mem, spk, (1, 1))
    assert max(plt.gca().lines[0].get_ydata()) == 5
    with pytest.raises(ValueError, match=r"share of the panel's height.*snnTorch"):
        splt.traces(mem, spk, (1, 1), 5)
    plt.close("all")


@row("`rate_conv`")
def _() -> None:
    data = torch.tensor([[-1.0, 2.0]])
    assert snntorch.spikegen.rate_conv(data).tolist() == [[0, 1]]
    with pytest.raises(ValueError, match=r"data must lie in \[0, 1\]"):
        encoding.rate_conv(data)


@row("wrong shapes, targets, NaN or infinities")
def _() -> None:
    record = RECORD.clone()
    record[0, 0, 0] = torch.nan
    assert 0 <= PEER.accuracy_rate(record, TARGETS) <= 1
    assert PEER.ce_count_loss()(RECORD.double() * torch.inf, TARGETS).isnan()
    assert PEER.mse_count_loss()(RECORD[:, :2].transpose(0, 1), TARGETS[:2]).isfinite()
    with pytest.raises((RuntimeError, IndexError)):
        PEER.ce_count_loss()(RECORD, TARGETS + 1)
    for bad in (record, RECORD * torch.inf, RECORD[0]):
        for call in (SF.accuracy_rate, SF.ce_count_loss()):
            with pytest.raises(ValueError, match=r"contains|must have the shape"):
                call(bad, TARGETS)
    with pytest.raises(ValueError, match="targets must lie between"):
        SF.ce_count_loss()(RECORD, TARGETS + 1)


@pytest.mark.parametrize("start", CHECKS)
def test_it_is_as_the_row_says(start: str) -> None:
    CHECKS[start]()
