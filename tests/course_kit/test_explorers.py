"""The two views of an explorer: that they show the same drawing, move, and say what they show."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import ipywidgets
import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from course_kit import explorers, frontend
from course_kit.explorers import Control, Explorer, _live, _svg
from course_kit.explorers._core import SPEEDS
from tutorial_lib.plotting import style

# What ipywidgets 7.7 has and an explorer may need. No Output: it stacks pictures in Colab.
OLD_WIDGETS = {
    "Box", "Button", "Dropdown", "FloatSlider", "GridBox", "HBox", "HTML", "IntSlider", "Label",
    "Play", "RadioButtons", "SelectionSlider", "ToggleButton", "ToggleButtons", "VBox",
}  # fmt: skip


def draw_power(fig: Figure, result: tuple[int, str]) -> None:
    power, sign = result
    for i, bottom in enumerate((0.6, 0.1)):
        ax = fig.add_axes((0.2, bottom, 0.7, 0.3))
        ax.set(xlim=(0, 4), ylim=(-70, 70))
        xs = [0, 1, 2, 3]
        factor = -1 if sign == "minus" else 1
        ax.plot(xs, [factor * x**power if i else x for x in xs], "o-", gid="curve")
        ax.text(2, 50, f"power {power}" if i else 'fixed < & "quoted"', gid="power")


def power_explorer(**changes: Any) -> Explorer:
    settings_ = {
        "name": "power",
        "title": "Power <explorer>",
        "controls": (
            Control("sign", 'Sign "s"', ("plus", "minus"), "minus", kind="choice"),
            Control("power", "Power", (0, 1, 2, 3), 2, words=lambda p: f"to the {p}"),
        ),
        "compute": lambda power, sign: (power, sign),
        "draw": draw_power,
        "describe": lambda r: f'"{r[1]}" x to the power {r[0]}, & so on',
        "size": (3, 3),
        "play": "power",
    }
    return Explorer(**{**settings_, **changes})


@pytest.fixture(autouse=True)
def fresh_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_live, "POSITIONS", {})


def table_of(page: str) -> tuple[_svg.Table, list[str]]:
    """What the page's script reads, with the template that stands in the page."""
    packed = base64.b64decode(re.search(r'data-table="([^"]*)"', page)[1])
    data = json.loads(gzip.decompress(packed))
    return _svg.Table("", data["parts"], data["states"]), data["texts"]


def small(explorer: Explorer, **pages: tuple[Any, ...]) -> Explorer:
    """The same explorer with fewer positions in the page."""
    controls = [
        dataclasses.replace(c, page=pages.get(c.name, (c.start,))) for c in explorer.controls
    ]
    return dataclasses.replace(explorer, controls=tuple(controls))


EXPLORERS = {
    "power": power_explorer(),
    "surrogates": small(
        explorers.surrogates(),
        shape=("fast_sigmoid", "boxcar", "straight_through_estimator"), slope=(1, 25, 500),
    ),
    "neuron": small(
        explorers.neuron(),
        current=("constant", "noise of 0.15"), level=(0.08, 0.12), reset=("subtract", "none"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_parts_of_a_page_make_the_drawing_of_every_state(name: str) -> None:
    explorer = EXPLORERS[name]
    positions = list(explorer.grid(page=True))
    results = [explorer.compute(**position) for position in positions]
    drawings = [_svg.draw(explorer, result) for result in results]
    table, texts = table_of(explorer.html())
    template = _svg.tabulate(drawings).template
    assert len(table.states) == len(texts) == len(positions)
    whole = dataclasses.replace(table, template=template)
    for k, (drawing, result) in enumerate(zip(drawings, results, strict=True)):
        assert whole.assemble(k).replace("<g data-part>", "<g>") == _svg.clean(drawing)
        assert texts[k] == explorer.describe(result)
    assert len(set(drawings)) > 1
    # Only what changes is kept more than once, and each look of it once.
    assert all(1 < len(set(part)) == len(part) for part in table.parts)
    assert sum(len(t) for part in table.parts for t in part) < sum(map(len, drawings)) / 2


@pytest.mark.parametrize("name", EXPLORERS)
def test_a_page_shows_the_first_frame_without_a_script(name: str) -> None:
    explorer = EXPLORERS[name]
    page = explorer.html()
    svg = re.search(r"<svg .*</svg>", page, flags=re.DOTALL)[0]
    result = explorer.compute(**explorer.start())
    drawn = _svg.clean(_svg.draw(explorer, result))
    assert svg[svg.index(">") :].replace("<g data-part>", "<g>") == drawn[drawn.index(">") :]
    assert f'role="img" aria-label="{html.escape(explorer.describe(result))}"' in svg
    shown = re.search(r"<figcaption>(.*)</figcaption>", page)[1]
    for control in explorer.controls:
        assert html.escape(f"{control.label} {control.words(control.start)}") in shown
    # Text stays text: it can be searched for and read at any size.
    assert len(re.findall(r"<text[^>]*>[^<]+</text>", svg)) > 5


class Elements(HTMLParser):
    """The start tags of a page, with their attributes and those of the elements around them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside_label: list[str] = []
        self._labels = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._labels += tag == "label"
        if self._labels and tag in ("input", "select"):
            self.inside_label.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._labels -= tag == "label"


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_controls_of_a_page_are_native_and_named(name: str) -> None:
    explorer = EXPLORERS[name]
    page = Elements(explorer.html())
    fields = [(tag, a) for tag, a in page.tags if tag in ("input", "select") and "data-words" in a]
    assert len(page.inside_label) == len([t for t, _ in page.tags if t in ("input", "select")])
    for (tag, attrs), control in zip(fields, explorer.controls, strict=True):
        words = [control.words(value) for value in control.page_options]
        assert json.loads(attrs["data-words"] or "") == words
        start = control.page_options.index(control.start)
        if control.kind == "choice":
            assert tag == "select"
        else:
            assert (tag, attrs["type"], attrs["min"], attrs["step"]) == ("input", "range", "0", "1")
            assert (attrs["max"], attrs["value"]) == (str(len(words) - 1), str(start))
            assert attrs["aria-valuetext"] == words[start]
    played = [a for tag, a in page.tags if tag == "input" and "data-play" in a]
    assert len(played) == (explorer.play is not None)
    assert ("button" in [tag for tag, _ in page.tags]) == (explorer.play is not None)
    status = [a for _, a in page.tags if a.get("role") == "status"]
    assert len(status) == 1  # where the script says what a new state shows


def test_speeds_stand_in_the_page_and_in_the_widget() -> None:
    explorer = power_explorer()
    offered = re.findall(r'<option value="(\d+)"[^>]*>(\w+)<', explorer.html())
    assert {name: int(pause) for pause, name in offered if name in SPEEDS} == SPEEDS
    assert len(SPEEDS) == 3
    play, speed = explorer.widget().children[-1].children
    assert speed.options == tuple(SPEEDS.items())
    speed.value = SPEEDS["fast"]
    assert play.interval == SPEEDS["fast"]


def test_pieces_of_a_page_do_not_clash() -> None:
    one, two = power_explorer(), power_explorer(name="other", describe=lambda r: "another text")
    for tag, attrs in Elements(one.html() + two.html()).tags:
        if "id" in attrs:  # of a clip path or a marker: named by what it holds
            assert tag in ("clippath", "path")
    ids = [set(re.findall(r' id="([^"]*)"', e.html())) for e in (one, two)]
    assert ids[0] and not ids[0] & ids[1]
    assert one.html() == one.html()


def test_a_page_loads_nothing() -> None:
    for explorer in EXPLORERS.values():
        page = re.sub(r'data-table="[^"]*"', "", explorer.html())
        links = re.findall(r"(?:https?:)?//[\w.]+", page)
        assert set(links) <= {"http://www.w3.org"}  # the name of SVG
        assert not re.search(r"fetch\(|import\(|XMLHttpRequest| src=", page)
        assert "<style type" not in page  # matplotlib's own would hold for the whole page


def test_session_settings_neither_change_a_drawing_nor_are_changed() -> None:
    explorer = power_explorer()
    result = explorer.compute(**explorer.start())
    plain = _svg.draw(explorer, result)
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "axes.facecolor": "black"}):
        before = dict(matplotlib.rcParams)
        assert _svg.draw(explorer, result) == plain
        assert dict(matplotlib.rcParams) == before
    assert 'fixed &lt; &amp; "quoted"' in plain  # text stays text


def test_a_text_with_a_white_rim_stays_text() -> None:
    def draw(fig: Figure, result: Any) -> None:
        ax = fig.add_axes((0, 0, 1, 1))
        style.note(ax, 0.5, 0.5, "two\nlines", gid="note")
        ax.text(0.1, 0.1, "plain")

    drawn = _svg.draw(power_explorer(draw=draw), None)
    rims = re.findall(r'<text style="paint-order:stroke;stroke:#fff[^>]*>([^<]*)<', drawn)
    assert rims == ["two", "lines"] and ">plain<" in drawn
    for explorer in EXPLORERS.values():
        letters = {"DejaVuSans-" in _svg.draw(explorer, explorer.compute(**explorer.start()))}
        assert letters == {False}  # no outline of a letter


def test_coordinates_are_right_to_a_hundredth_of_a_point() -> None:
    x, y = (0.1234, 2.3456), (1.1111, 2.7183)

    def draw(fig: Figure, result: Any) -> None:
        ax = fig.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, 3), ylim=(0, 3))  # 216 points for 3
        ax.plot(x, y, gid="curve")

    drawn = _svg.draw(power_explorer(draw=draw), None)
    path = re.search(r'id="curve"><path d="([^"]*)"', drawn)[1]
    found = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    wanted = [72 * x[0], 216 - 72 * y[0], 72 * x[1], 216 - 72 * y[1]]
    assert found == pytest.approx(wanted, abs=0.006)


groups = st.recursive(
    st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3).map(
        lambda items: "".join(i if i.startswith("<") else f'<g id="x{i}">{i}</g>' for i in items)
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(groups, min_size=1, max_size=4))
def test_any_drawings_come_back_from_their_table(insides: list[str]) -> None:
    texts = [f'<svg><g id="f"><g clip="c">{inside}<use/></g></g></svg>' for inside in insides]
    table = _svg.tabulate(texts)
    for k, text in enumerate(texts):
        assert table.assemble(k).replace("<g data-part>", "<g>") == _svg.clean(text)


def test_drawings_that_cannot_share_a_page_raise() -> None:
    with pytest.raises(ValueError, match="no state"):
        _svg.tabulate([])
    with pytest.raises(ValueError, match="the size of the figure"):
        _svg.tabulate(['<svg><g id="a"></g><b/></svg>', '<svg><g id="a"></g><c/></svg>'])


# With a kernel.


def test_moving_a_widget_changes_the_picture_and_its_text() -> None:
    explorer = power_explorer()
    view = explorer.widget()
    image, sign, power = view.children[:3]
    seen = set()
    for i in range(2):
        for k in range(4):
            sign.index, power.index = i, k
            result = explorer.compute(power=k, sign=("plus", "minus")[i])
            assert image.value == _live.picture(explorer, result)
            assert f'<img alt="{html.escape(explorer.describe(result))}"' in image.value
            seen.add(image.value)
    assert len(seen) == 8
    assert [field.description for field in (sign, power)] == ['Sign "s"', "Power"]
    assert [label for label, _ in power.options] == [f"to the {k}" for k in range(4)]


def test_the_picture_of_a_widget_is_the_first_frame_of_the_page() -> None:
    explorer = power_explorer()
    source = re.search(r'base64,([^"]*)"', explorer.widget().children[0].value)[1]
    result = explorer.compute(**explorer.start())
    assert base64.b64decode(source).decode() == _svg.clean(_svg.draw(explorer, result))


def test_play_moves_the_slider_and_the_slider_moves_play() -> None:
    view = power_explorer().widget()
    _, _, power, bar = view.children
    play = bar.children[0]
    assert (play.min, play.max, play.value) == (0, 3, 2)
    play.value = 3
    assert power.index == 3 and "power 3" in view.children[0].value
    power.index = 1
    assert play.value == 1


def test_running_the_cell_again_keeps_the_position() -> None:
    first = power_explorer().widget()
    first.children[1].index, first.children[2].index = 0, 3
    again = power_explorer().widget()
    assert [again.children[i].index for i in (1, 2)] == [0, 3]
    assert again.children[0].value == first.children[0].value
    # A value that is not offered any more does not come back; another explorer starts afresh.
    fewer = power_explorer(
        controls=(power_explorer().controls[0], Control("power", "Power", (1, 2), 1))
    )
    assert [fewer.widget().children[i].index for i in (1, 2)] == [0, 0]
    assert power_explorer(name="other").widget().children[2].index == 2


def family(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    return [widget, *(w for child in getattr(widget, "children", ()) for w in family(child))]


@pytest.mark.parametrize("name", EXPLORERS)
def test_widgets_are_those_of_ipywidgets_7(name: str) -> None:
    kinds = {type(widget).__name__ for widget in family(EXPLORERS[name].widget())}
    assert kinds <= OLD_WIDGETS and "HTML" in kinds


# What is shown where.


@pytest.mark.parametrize(
    ("kernel", "static", "kind"),
    [(True, False, "VBox"), (True, True, "HTML"), (False, False, None)],
)
def test_each_place_gets_what_it_can_show(
    kernel: bool, static: bool, kind: str | None,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(frontend, "has_kernel", lambda: kernel)
    monkeypatch.delenv(frontend.STATIC, raising=False)
    if static:
        monkeypatch.setenv(frontend.STATIC, "1")
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    explorer = power_explorer()
    explorer._ipython_display_()
    assert [type(thing).__name__ for thing in shown] == ([kind] if kind else [])
    if kind == "HTML":
        assert shown[0].data == explorer.html()
    said = capsys.readouterr().out
    assert said == ("" if kind else repr(explorer) + "\n")
    assert explorer.describe((2, "minus")) in repr(explorer) and "power=to the 2" in repr(explorer)


# What an author of an explorer gets wrong.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 9}, "must contain the start 9"),
        ({"page": (0, 1)}, "page must contain the start 2"),
        ({"page": (2, 9)}, r"page has \[9\]"),
        ({"kind": "knob"}, "'slider' or 'choice', got 'knob'"),
    ],
)
def test_bad_controls_raise(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"name": "p", "label": "P", "options": (0, 1, 2), "start": 2}
    Control(**good)
    with pytest.raises(ValueError, match=message):
        Control(**{**good, **change})


def test_bad_explorers_raise() -> None:
    one, two = power_explorer().controls
    with pytest.raises(ValueError, match="one name"):
        power_explorer(controls=(one, two, two))
    for play in ("sign", "speed"):
        with pytest.raises(ValueError, match=r"one of \['power'\]"):
            power_explorer(play=play)
    with pytest.raises(TypeError, match="no control colour. It has sign, power"):
        power_explorer().figure(colour=1)
