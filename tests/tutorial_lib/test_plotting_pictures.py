"""Plots look as they did: each is compared with a picture in tests/baseline.

`make test` compares (pytest --mpl). After a change that is meant, `make baselines` draws them anew:
look at each with `git diff` before you commit it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

matplotlib.use("Agg")

from course_kit import figures
from tutorial_lib import plotting as splt  # noqa: E402
from tutorial_lib import surrogate  # noqa: E402

# What drew the pictures: matplotlib, and FreeType in it. Others set text a little differently.
DRAWN_WITH = ("3.11", "2.14.3")
HERE = (".".join(matplotlib.__version__.split(".")[:2]), matplotlib.ft2font.__freetype_version__)

# Root of the mean square over all pixels and colors, of 255. Round markers in place of square ones
# on four points cost 2.3, a dashed line in a paler gray 5.6, two colors exchanged 16.
TOLERANCE = 1.5

picture = pytest.mark.mpl_image_compare(
    baseline_dir="baseline", style="default", tolerance=TOLERANCE, deterministic=True,
    savefig_kwargs={"dpi": 60, "facecolor": "white"},
)  # fmt: skip


def looks(test: Callable[..., Figure]) -> Callable[..., Figure]:
    """Compare the figure that a test returns."""
    return picture(pytest.mark.usefixtures("compared")(test))


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> None:
    options = request.config.option
    if not (options.mpl or options.mpl_generate_path):
        pytest.skip("nothing is compared without the option --mpl")
    if options.mpl and HERE != DRAWN_WITH:
        pytest.skip(f"the pictures are from matplotlib and FreeType {DRAWN_WITH}, here are {HERE}")


@pytest.fixture
def spk() -> torch.Tensor:
    """Spikes [T, N] of neurons that fire more and more often; the first is silent."""
    chance = torch.linspace(0, 0.6, 8)
    return (torch.rand(40, 8, generator=torch.Generator().manual_seed(0)) < chance).float()


@pytest.fixture
def mem(spk: torch.Tensor) -> torch.Tensor:
    """Membranes [T, N] that rise until they spike, then fall."""
    values = torch.zeros_like(spk)
    for step in range(1, len(spk)):
        values[step] = 0.9 * values[step - 1] + 0.15 - spk[step - 1]
    return values


@looks
def test_raster(spk: torch.Tensor) -> Figure:
    return splt.raster(spk).figure


@looks
def test_raster_without_spikes() -> Figure:
    return splt.raster(torch.zeros(20, 5)).figure


@looks
def test_trace(mem: torch.Tensor, spk: torch.Tensor) -> Figure:
    ax = splt.trace(mem[:, 2], spk[:, 2], threshold=1.0, label="slow")
    return splt.trace(mem[:, 6], spk[:, 6], ax=ax, label="fast").figure


@looks
def test_traces(mem: torch.Tensor, spk: torch.Tensor) -> Figure:
    return splt.traces(mem[:, :5], spk[:, :5], threshold=1.0)[0].figure


@looks
def test_spike_count(spk: torch.Tensor) -> Figure:
    return splt.spike_count(spk, labels=list("abcdefgh")).figure


@looks
def test_spike_count_last_frame(spk: torch.Tensor) -> Figure:
    return last_frame(splt.spike_count(spk[:10], animate=True))


@looks
def test_feature_maps(spk: torch.Tensor) -> Figure:
    return splt.feature_maps(spk.reshape(10, 8, 2, 2))[0].figure


@looks
def test_surrogate_curves() -> Figure:
    gallery = {
        "sigmoid": surrogate.sigmoid(), "atan": surrogate.atan(), "boxcar": surrogate.boxcar(),
        "fast sigmoid": surrogate.fast_sigmoid(), "triangular": surrogate.triangular(),
    }  # fmt: skip
    return figures.surrogate_curves(gallery)[0].figure


@looks
def test_training_curves() -> Figure:
    steps = np.arange(1, 61)
    floors = {"silence": 2.303, "floor": 1.461}
    loss, right = 1.5 + 0.8 * np.exp(-steps / 15), [0.1, 0.6, 0.8, 0.9]
    return figures.training_curves(steps, loss, [1, 20, 40, 60], right, floors=floors)[0].figure


@looks
def test_confusion_matrix() -> Figure:
    truth = np.repeat(np.arange(4), [5, 9, 3, 7])
    guess = np.where(np.arange(24) % 5 == 0, (truth + 1) % 5 - 1, truth)
    return figures.confusion_matrix(truth, guess, 4)[0].figure


@looks
def test_animator_last_frame(spk: torch.Tensor) -> Figure:
    return last_frame(splt.animator(spk.reshape(40, 2, 4).cumsum(0), num_steps=8))


def last_frame(anim: matplotlib.animation.FuncAnimation) -> Figure:
    figures.to_html(anim, dpi=20)
    return anim._fig


def test_the_pinned_matplotlib_drew_the_pictures() -> None:
    pins = (Path(__file__).resolve().parents[2] / "constraints.txt").read_text()
    assert f"\nmatplotlib=={DRAWN_WITH[0]}." in pins, "make baselines, then change DRAWN_WITH"


def test_each_picture_belongs_to_a_test(request: pytest.FixtureRequest) -> None:
    folder = request.path.parent / "baseline"
    tests = [name for name, value in globals().items() if hasattr(value, "pytestmark")]
    assert sorted(path.stem for path in folder.iterdir()) == sorted(tests)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000
