"""The player of animations: its frames, its size, and that it needs no network."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from course_kit import figures
from tutorial_lib import plotting as splt
from tutorial_lib.plotting import style

SPIKES = (torch.rand(20, 10, generator=torch.Generator().manual_seed(0)) < 0.3).float()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def frames_of(page: str) -> list[bytes]:
    sources = json.loads(re.search(r"frames = (\[.*?\])", page, re.DOTALL)[1])
    return [base64.b64decode(source.split(",")[1]) for source in sources]


def test_player_is_small_whole_and_needs_no_network() -> None:
    long = (torch.rand(50, 10, generator=torch.Generator().manual_seed(2)) < 0.3).float()
    anim = splt.spike_count(long, animate=True)
    html = figures.to_html(anim, alt='Counts of "ten" <classes>').data
    frames = [Image.open(io.BytesIO(png)) for png in frames_of(html)]
    assert len(frames) == 50 and len(html) < 1_000_000
    assert "http" not in html and "<link" not in html and 'class="fa' not in html
    alt = 'alt="Counts of &quot;ten&quot; &lt;classes&gt; Animation of 50 frames; the last one: '
    counts = long.sum(0)
    assert alt in html and f"the highest {counts.max():.0f} at class {counts.argmax()}" in html
    for button in re.findall(r"<button.*?</button>", html):
        assert re.search(r'aria-label="[^"]+"', button)
        assert re.search(r">\w+</button>", button), "a button is labeled by words, not by an icon"
    assert "loop = false" in html and "autoplay" not in html

    bars = [0, 0]
    for k, frame in enumerate((frames[24], frames[-1])):  # bar area grows as the counts do
        pixels = np.asarray(frame.convert("RGB")).astype(int)
        for color in (style.BLUE, style.SKY):
            far = np.abs(pixels - 255 * np.array(matplotlib.colors.to_rgb(color))).sum(axis=-1)
            bars[k] += int((far < 20).sum())
    assert bars[0] / bars[1] == pytest.approx((long[:25].sum() / long.sum()).item(), rel=0.03)
    shown = re.search(r'<img alt="[^"]*" src="([^"]+)"', html)[1]
    assert base64.b64decode(shown.split(",")[1]) == frames_of(html)[-1]


def test_player_takes_the_figure_from_pyplot_and_works_twice() -> None:
    figure, ax = plt.subplots()
    size, dpi = tuple(figure.get_size_inches()), figure.dpi
    anim = splt.spike_count(SPIKES[:3], figure, ax, animate=True, interval=80)
    kept = figures.to_html(anim, dpi=40, close=False).data
    assert plt.get_fignums() == [figure.number]
    once = figures.to_html(anim, dpi=40, default_mode="loop").data
    assert not plt.get_fignums()
    again = figures.to_html(anim, dpi=40).data
    assert frames_of(kept) == frames_of(once) == frames_of(again)
    assert "loop = true" in once and "setInterval(tick, 80)" in again
    assert (tuple(figure.get_size_inches()), figure.dpi) == (size, dpi)
    ids = [re.search(r'id="(\w+)"', page)[1] for page in (kept, once, again)]
    assert len(set(ids)) == 3, "two players on one page must not share an id"


@pytest.mark.parametrize(
    ("anim", "options", "error", "said"),
    [
        (plt.figure, {}, TypeError, "Figure.*animate=True"),
        (lambda: splt.animator(SPIKES[:, None]), {"default_mode": 1}, ValueError, "once.*got 1"),
        (lambda: splt.animator(SPIKES[:, None]), {"dpi": 0}, ValueError, "dpi.*got 0"),
        (lambda: splt.animator(SPIKES[:, None]), {"interval": "x"}, TypeError, "interval.*'x'"),
        (lambda: splt.animator(SPIKES[:, None]), {"close": None}, TypeError, "close.*None"),
    ],
)
def test_bad_options_are_refused(
    anim: object, options: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        figures.to_html(anim(), **options)
