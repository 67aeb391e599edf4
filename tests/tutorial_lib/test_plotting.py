"""The figures are judged by the artists drawn: what they show is what went in."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.animation import AbstractMovieWriter, FuncAnimation  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from course_kit import figures
from tutorial_lib import plotting as splt  # noqa: E402
from tutorial_lib.plotting import style  # noqa: E402

quick = settings(max_examples=10, deadline=None)


def spike_arrays(*sides: Any) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.int8, st.tuples(*sides), elements=st.integers(0, 1))


@pytest.fixture(autouse=True)
def clean_session() -> Iterator[None]:
    """No test leaves a changed rcParams behind; each starts without figures."""
    before = matplotlib.rcParams.copy()
    yield
    assert matplotlib.rcParams == before
    plt.close("all")


@pytest.fixture
def spikes() -> torch.Tensor:
    return (torch.rand(20, 10, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def tagged(artists: Any, gid: str) -> list[Any]:
    return [artist for artist in artists if artist.get_gid() == gid]


class Watch(AbstractMovieWriter):
    """Notes at every frame that matplotlib asks for what ``look`` sees; draws nothing."""

    def __init__(self, look: Callable[[], Any]) -> None:
        super().__init__()
        self.look, self.seen = look, []

    def setup(self, fig: Figure, outfile: Any, dpi: float | None = None) -> None:
        super().setup(fig, outfile, dpi)

    def grab_frame(self, **kwargs: Any) -> None:
        self.seen.append(self.look())

    def finish(self) -> None:
        pass


def watch(anim: FuncAnimation, look: Callable[[], Any]) -> list[Any]:
    writer = Watch(look)
    anim.save("unused", writer=writer)
    return writer.seen


# Every function with the shape it takes, its single-axes call, and a tensor that needs a gradient.
MEM = torch.linspace(-0.5, 1.5, 20).repeat(4, 1).T.contiguous()
SPK = (MEM > 1).float()
CALLS: dict[str, Callable[[Any], Any]] = {
    "raster": lambda ax: splt.raster(SPK.clone().requires_grad_(), ax),
    "trace": lambda ax: splt.trace(MEM[:, 0].clone().requires_grad_(), SPK[:, 0], 1.0, ax),
    "spike_count": lambda ax: splt.spike_count(SPK.clone().requires_grad_(), ax=ax),
    "spike_count animated": lambda ax: splt.spike_count(
        SPK.clone().requires_grad_(), ax.figure if ax else None, ax, animate=True
    ),
    "animator": lambda ax: splt.animator(MEM.view(20, 2, 2).clone().requires_grad_(), ax=ax),
    "feature_maps": lambda ax: splt.feature_maps(
        SPK.view(20, 1, 2, 2).clone().requires_grad_(), ax
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_draws_on_the_axes_it_is_given_while_others_are_current(name: str) -> None:
    figure, (mine, other) = plt.subplots(1, 2)
    bystander = plt.figure().add_subplot()
    plt.sca(bystander)
    before = plt.get_fignums()
    anim = CALLS[name](mine)
    figure.canvas.draw()
    assert mine.has_data() or mine.images
    assert not other.has_data() and not bystander.has_data()
    assert plt.gca() is bystander and plt.get_fignums() == before
    if isinstance(anim, FuncAnimation):
        anim.to_jshtml()


@pytest.mark.parametrize("name", CALLS)
def test_makes_a_white_figure_when_given_no_axes_whatever_the_session_style(name: str) -> None:
    with plt.style.context("dark_background"):
        drawn = CALLS[name](None)
        if isinstance(drawn, FuncAnimation):
            assert not plt.get_fignums(), "an animation must leave no still figure for the notebook"
            drawn.to_jshtml()
            return
        figure = plt.gcf()
        assert figure.get_facecolor() == (1, 1, 1, 1)
        figure.canvas.draw()
        assert all(ax.get_facecolor() == (1, 1, 1, 1) for ax in figure.axes)
        words = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
        assert words
        for text in words:
            on_a_cell = text.get_gid() == "cell"
            assert on_a_cell or sum(matplotlib.colors.to_rgb(text.get_color())) < 1.2, text


# raster


@quick
@given(spike_arrays(st.integers(1, 12), st.integers(1, 6)))
def test_raster_marks_are_the_spikes(spk: np.ndarray) -> None:
    figure = Figure()
    ax = figure.subplots()
    marks = splt.raster(torch.as_tensor(spk), ax)
    assert {tuple(p) for p in marks.get_offsets().tolist()} == set(
        map(tuple, np.argwhere(spk).astype(float).tolist())
    )
    assert [t.get_text() for t in ax.texts] == ([] if spk.any() else ["no spikes"])
    figure.canvas.draw()
    for ticks in (ax.get_xticks(), ax.get_yticks()):
        assert np.array_equal(ticks, np.round(ticks))


def test_raster_flattens_maps_and_passes_options_on() -> None:
    spk = torch.zeros(3, 2, 2, 2, dtype=torch.bool)
    spk[1, 1, 0, 1] = True
    marks = splt.raster(spk, s=4, c="red")
    assert marks.get_offsets().tolist() == [[1, 5]]
    assert marks.get_sizes().tolist() == [4]
    assert matplotlib.colors.to_rgb(marks.get_edgecolor()[0]) == (1, 0, 0)
    assert "flattened" in marks.axes.get_ylabel()


def test_raster_takes_one_neuron_and_half_precision() -> None:
    marks = splt.raster(torch.tensor([0, 1, 1], dtype=torch.bfloat16))
    assert marks.get_offsets().tolist() == [[1, 0], [2, 0]]


# traces


@quick
@given(st.integers(2, 60), st.integers(0, 2**31 - 1))
def test_trace_shows_curve_spikes_and_threshold(steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mem = torch.randn(steps, 1, generator=generator)
    spk = (mem > 1).float()
    ax = splt.trace(mem, spk, torch.tensor(1.0), Figure().subplots())
    (line,) = tagged(ax.lines, "trace")
    assert np.allclose(line.get_xydata(), np.c_[np.arange(steps), mem[:, 0]])
    (strokes,) = tagged(ax.collections, "spikes")
    segments = np.array(strokes.get_segments()).reshape(-1, 2, 2)
    assert segments[:, 0, 0].tolist() == torch.nonzero(spk[:, 0])[:, 0].tolist()
    (level,) = tagged(ax.lines, "threshold")
    assert list(level.get_ydata()) == [1, 1]
    low, high = ax.get_ylim()
    top_of_curve = (max(mem.max().item(), 1) - low) / (high - low)
    assert low < mem.min() and (segments[:, :, 1] > top_of_curve).all()


def test_repeated_traces_differ_without_color_and_never_overlap() -> None:
    ax = None
    for i, beta in enumerate((0.5, 0.8, 0.9)):
        mem = torch.linspace(0, 1 + i, 20)
        ax = splt.trace(mem, (mem > 0.7).float(), 1.0, ax, label=f"beta = {beta}")
    lines = tagged(ax.lines, "trace")
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3
    assert len(tagged(ax.lines, "threshold")) == 1
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "beta = 0.5", "beta = 0.8", "beta = 0.9"
    ]  # fmt: skip
    bands = [c.get_segments()[0][:, 1] for c in tagged(ax.collections, "spikes")]
    assert all(upper[0] > lower[1] for upper, lower in zip(bands, bands[1:], strict=False))
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent().transformed(ax.transAxes.inverted())
    low, high = ax.get_ylim()
    assert legend.y0 > bands[0][1] and bands[-1][0] > (3 - low) / (high - low)


def test_axes_with_a_shared_scale_keep_every_curve_in_view() -> None:
    _, (upper, lower) = plt.subplots(2, 1, sharex=True, sharey=True)
    splt.trace(torch.tensor([0.0, 9.0, 0.0]), torch.tensor([0, 1, 0]), ax=upper, label="long")
    splt.trace(torch.tensor([0.0, 1.0]), ax=lower)
    assert upper.get_ylim()[1] > 9 and upper.get_xlim()[1] > 2
    (stroke,) = tagged(upper.collections, "spikes")[0].get_segments()
    low, high = upper.get_ylim()
    assert stroke[0, 1] > (9 - low) / (high - low), "the other panel must leave the spikes room"


@quick
@given(st.integers(1, 12), st.booleans())
def test_traces_draw_every_neuron_once(count: int, with_spikes: bool) -> None:
    mem = torch.arange(5.0 * count).view(5, count) / 10
    spk = (mem > 1).float() if with_spikes else None
    figure = Figure(layout="constrained")
    axes = splt.traces(mem, spk, threshold=1, fig=figure, titles=[f"n{i}" for i in range(count)])
    assert len(axes) == len(figure.axes) == count
    for i, ax in enumerate(axes):
        (line,) = tagged(ax.lines, "trace")
        assert np.allclose(line.get_ydata(), mem[:, i])
        assert ax.get_title(loc="left") == f"n{i}"
        assert len(tagged(ax.collections, "spikes")) == int(with_spikes)
    assert len({ax.get_ylim() for ax in axes}) == 1


def test_traces_leave_spare_panels_out() -> None:
    axes = splt.traces(MEM, dim=(2, 3))
    assert len(plt.gcf().axes) == len(axes) == 4


@pytest.mark.parametrize("draw", [splt.raster, splt.traces, splt.spike_count])
def test_a_record_of_one_step_gets_a_hint(draw: Callable[..., Any]) -> None:
    with pytest.warns(UserWarning, match=r"\[1, 9\] is drawn as 1 time step of 9 neurons.*data\.T"):
        draw(torch.zeros(1, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(torch.zeros(9, 1))


# spike_count


@quick
@given(spike_arrays(st.integers(1, 12), st.integers(1, 6)), st.data())
def test_bars_and_numbers_are_the_counts(spk: np.ndarray, data: st.DataObject) -> None:
    steps = data.draw(st.integers(1, len(spk)))
    labels = [f"class {i}" for i in range(spk.shape[1])]
    ax = splt.spike_count(torch.as_tensor(spk), None, Figure().subplots(), labels, num_steps=steps)
    totals = spk[:steps].sum(axis=0)
    assert [bar.get_width() for bar in ax.patches] == totals.tolist()
    texts = tagged(ax.texts, "count")
    assert [t.get_text() for t in texts] == [str(n) for n in totals]
    assert [t.get_text() for t in ax.get_yticklabels()] == labels
    leads = [t.get_fontweight() == "bold" for t in texts]
    assert leads == [n > 0 and n == totals.max() for n in totals]


@quick
@given(spike_arrays(st.integers(1, 8), st.integers(1, 4)), st.integers(1, 3))
def test_frames_grow_to_the_total(spk: np.ndarray, interpolate: int) -> None:
    ax = Figure().subplots()
    anim = splt.spike_count(spk, ax=ax, animate=True, interpolate=interpolate)
    before = ax.get_children()
    seen = watch(
        anim,
        lambda: (
            [bar.get_width() for bar in ax.patches],
            tagged(ax.lines, "elapsed")[0].get_xdata()[0],
        ),
    )
    assert len(seen) == len(spk) * interpolate
    for frame, (widths, elapsed) in enumerate(seen, start=1):
        assert widths == spk[: frame // interpolate].sum(axis=0).tolist()
        assert elapsed == pytest.approx(frame / interpolate)
    assert seen[-1][0] == spk.sum(axis=0).tolist()
    assert ax.get_children() == before, "frames must move the artists, not add any"


def test_shades_and_positions_are_those_of_snntorch(spikes: torch.Tensor) -> None:
    figure, ax = plt.subplots()
    steps = len(spikes)
    anim = splt.spike_count(spikes, figure, ax, list("abcdefghij"), steps, True, 2, True, 30, 1e-3)
    shades = tagged(ax.patches, "decoration")
    assert shades and all(0 <= patch.get_x() for patch in shades)
    assert anim._interval == 30 and ax.get_xlim() == (0, steps * 1.06)
    assert len(watch(anim, lambda: None)) == 2 * steps
    plain, shaded = plt.subplots(), plt.subplots()
    for pair, shades in ((plain, False), (shaded, True)):
        splt.spike_count(spikes, *pair, gridshader=shades)
    assert figures.describe(plain[0]) == figures.describe(shaded[0])
    images = torch.rand(6, 4, 5)
    anim = splt.animator(images, *plt.subplots(), 5, 70, "plasma")
    assert anim._interval == 70 and len(watch(anim, lambda: None)) == 5


def test_time_step_gives_seconds(spikes: torch.Tensor) -> None:
    assert splt.spike_count(spikes, time_step=1e-3).get_xlabel() == "Spike count in 0.02 s"
    ax = Figure().subplots()
    anim = splt.spike_count(spikes, ax=ax, animate=True, time_step=1e-3)
    anim.to_jshtml()
    assert "After 0.02 of 0.02 s" in tagged(ax.texts, "clock")[0].get_text()


# animations and their player


def test_animator_shows_every_image_up_to_the_last() -> None:
    data = torch.rand(6, 4, 5, generator=torch.Generator().manual_seed(1))
    ax = Figure().subplots()
    anim = splt.animator(data, ax=ax, num_steps=5)
    seen = watch(anim, lambda: np.array(ax.images[0].get_array()))
    assert np.allclose(seen, data[:5])
    assert ax.images[0].get_clim() == pytest.approx((data.min().item(), data.max().item()))


# maps, training, confusion, surrogates


@quick
@given(
    spike_arrays(st.integers(1, 5), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)
def test_feature_maps_hold_the_counts_on_one_scale(spk: np.ndarray, rate: bool) -> None:
    steps, channels = spk.shape[:2]
    axes = splt.feature_maps(torch.as_tensor(spk), Figure().subplots(1, 8), rate=rate)
    counts = spk.sum(axis=0) / (steps if rate else 1)
    assert len(axes) == channels
    for i, ax in enumerate(axes):
        assert np.allclose(ax.images[0].get_array(), counts[i])
        assert ax.images[0].get_clim() == pytest.approx((0, counts.max() or 1))
    (bar,) = axes[0].figure.axes[8:]
    assert bar.get_ylabel() == ("Spikes per time step" if rate else f"Spikes in {steps} time steps")


@pytest.mark.parametrize(("maps", "columns"), [(1, 1), (12, 4), (64, 8), (7, 4)])
def test_feature_maps_fill_a_grid(maps: int, columns: int) -> None:
    axes = splt.feature_maps(torch.zeros(2, maps, 3, 3))
    assert axes[0].get_subplotspec().get_gridspec().ncols == columns
    assert len(axes) == maps


def test_styles_differ_without_color() -> None:
    looks = [style.curve(i) for i in range(56)]
    assert len({(str(look["linestyle"]), look["marker"]) for look in looks}) == 56


# what is refused, with a message that names the shape or value it got and the remedy

BATCH = torch.zeros(50, 128, 10)
NAN = torch.full((5, 3), torch.nan)
REFUSED: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
    ("raster 0-d", lambda: splt.raster(torch.tensor(1.0)), ("one number", "torch.stack")),
    ("raster empty", lambda: splt.raster(torch.zeros(0, 3)), (r"\[0, 3\]",)),
    ("raster mem", lambda: splt.raster(MEM), (r"\[20, 4\]", "mem_rec")),
    ("raster NaN", lambda: splt.raster(NAN), (r"\[5, 3\]", "nan")),
    ("raster list", lambda: splt.raster([SPK[0], SPK[1]]), ("2 tensors", "torch.stack")),
    ("raster text", lambda: splt.raster(["a"]), ("real numbers",)),
    ("raster complex", lambda: splt.raster(SPK + 0j), ("complex",)),
    ("raster ragged", lambda: splt.raster([[1], [1, 0]]), ("unequal",)),
    ("raster grid", lambda: splt.raster(SPK, plt.subplots(2)[1]), ("ndarray", "axs")),
    ("trace batch", lambda: splt.trace(BATCH), (r"\[50, 128, 10\]", r"mem_rec\[:, 0, 0\]")),
    ("trace pair", lambda: splt.trace(MEM[:, 0], SPK[:5, 0]), (r"\[20\]", r"\[5\]")),
    ("trace order", lambda: splt.trace(SPK[:, 0], MEM[:, 0]), ("mem_rec",)),
    ("trace threshold", lambda: splt.trace(MEM[:, 0], threshold=MEM[0]), (r"\[4\]",)),
    ("trace height", lambda: splt.trace(MEM[:, 0], spk_height=5), ("share", "5")),
    ("traces batch", lambda: splt.traces(BATCH), (r"\[50, 128, 10\]", r"mem_rec\[:, 0\]")),
    ("traces step", lambda: splt.traces(BATCH[0, 0]), (r"\[10\]", "torch.stack")),
    ("traces many", lambda: splt.traces(torch.zeros(5, 65)), (r"\[5, 65\]", "pick some")),
    ("traces dim", lambda: splt.traces(MEM, dim=(1, 2)), (r"\[20, 4\]", r"\(1, 2\)")),
    ("traces titles", lambda: splt.traces(MEM, titles=["a"]), ("4 names", "got 1")),
    ("traces figure", lambda: splt.traces(MEM, fig=plt.subplots()[0]), ("empty",)),
    ("traces pair", lambda: splt.traces(MEM, SPK[:, :2]), (r"\[20, 4\]", r"\[20, 2\]")),
    ("traces grid", lambda: splt.traces(MEM, dim=1), ("dim must be two integers", "got 1", "dim=")),
    ("traces grid parts", lambda: splt.traces(MEM, dim=(2.5, 2)), ("two integers", r"\(2.5, 2\)")),
    ("traces grid large", lambda: splt.traces(MEM, dim=(99, 99)), ("at most 128 panels", "99")),
    ("traces title 0-d", lambda: splt.traces(MEM, titles=torch.tensor(1)), ("list of 4 names",)),
    ("trace label", lambda: splt.trace(MEM[:, 0], label=[1, 2]), ("legend", r"\[1, 2\]")),
    ("trace meta", lambda: splt.trace(MEM[:, 0].to("meta")), ("dense tensor with values", "meta")),
    ("traces title", lambda: splt.traces(MEM, titles=3), ("list of 4 names", "got 3")),
    ("traces height", lambda: splt.traces(MEM, SPK, spk_height=5), ("snnTorch", "leave it out")),
    ("traces height text", lambda: splt.traces(MEM, spk_height="5"), ("number", "'5'")),
    ("count labels", lambda: splt.spike_count(SPK, labels=3), ("list of 4 names", "got 3")),
    ("count animate", lambda: splt.spike_count(SPK, animate="no"), ("True or False", "'no'")),
    ("count shades", lambda: splt.spike_count(SPK, gridshader=SPK), ("True or False",)),
    ("count batch", lambda: splt.spike_count(BATCH), (r"\[50, 128, 10\]", r"spk_rec\[:, 0\]")),
    ("count turned", lambda: splt.spike_count(SPK.T, labels="abcd"), ("labels",)),
    ("count order", lambda: splt.spike_count(SPK.T, labels=list("abcd")), (r"\[4, 20\]", "data.T")),
    ("count mem", lambda: splt.spike_count(MEM), (r"\[20, 4\]", "spk_rec")),
    ("count steps", lambda: splt.spike_count(SPK, num_steps=21), (r"\[20, 4\]", "21")),
    ("count steps type", lambda: splt.spike_count(SPK, num_steps=True), ("True",)),
    ("count frames", lambda: splt.spike_count(SPK, animate=True, interpolate=0), ("got 0",)),
    ("count interval", lambda: splt.spike_count(SPK, animate=True, interval=0), ("got 0",)),
    ("count time", lambda: splt.spike_count(SPK, time_step=-1.0), ("-1.0",)),
    ("count swapped", lambda: splt.spike_count(SPK, *plt.subplots()[::-1]), ("Figure", "Axes")),
    ("count figure", lambda: splt.spike_count(SPK, plt.figure(), plt.subplots()[1]), ("figure",)),
    ("count choice", lambda: splt.spike_count(SPK, plt.subplots(2)[0]), ("2 axes",)),
    ("animator", lambda: splt.animator(BATCH[None]), (r"\[1, 50, 128, 10\]", "pick one")),
    ("animator map", lambda: splt.animator(BATCH, cmap=1), ("name of a color map", "got 1")),
    ("animator map name", lambda: splt.animator(BATCH, cmap="x"), ("matplotlib", "'x'", "cividis")),
    ("maps batch", lambda: splt.feature_maps(torch.zeros(5, 2, 3, 4, 4)), ("5, 2, 3, 4, 4", r"spk\[:, 0\]")),  # noqa: E501
    ("maps axes", lambda: splt.feature_maps(torch.zeros(5, 3, 4, 4), plt.subplots(2)[1]), ("3", "2")),  # noqa: E501
    ("maps no axes", lambda: splt.feature_maps(BATCH[:, :, None], SPK), ("Axes or None", "Tensor")),
    ("maps columns", lambda: splt.feature_maps(torch.zeros(5, 3, 4, 4), columns=0), ("got 0",)),
    ("maps rate", lambda: splt.feature_maps(BATCH[:, :, None, :], rate="yes"), ("True or False",)),
    ("maps map", lambda: splt.feature_maps(BATCH[:, :, None, :], cmap=1), ("color map", "got 1")),
]  # fmt: skip


@pytest.mark.parametrize(("call", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_bad_input_is_refused_before_anything_is_drawn(
    call: Callable[[], Any], said: tuple[str, ...]
) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    for part in said:
        assert re.search(part, str(caught.value)), (part, str(caught.value))
    assert not any(ax.has_data() for number in plt.get_fignums() for ax in plt.figure(number).axes)
