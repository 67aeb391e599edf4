"""The figures of the notebooks: what they hold, and what they refuse."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_kit import figures


@pytest.fixture(autouse=True)
def _closed() -> object:
    yield
    plt.close("all")


def test_lines_hold_their_values_and_the_level() -> None:
    curves = {"one": torch.tensor([1.0, 2.0, 4.0]), "two": [3, 2, 1]}
    ax = figures.lines(curves, "Update", "Loss", x=[2, 3, 5], level=("target", 2.5), log=True)
    held = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert held["one"] == [[2, 1], [3, 2], [5, 4]] and held["two"] == [[2, 3], [3, 2], [5, 1]]
    assert [line.get_ydata()[0] for line in ax.lines if line.get_gid() == "target"] == [2.5]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("Update", "Loss", "log")
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["one", "two"]


@pytest.mark.parametrize("count", [0, 9])
def test_lines_that_nobody_can_tell_apart_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} curves; expected 1 to 8"):
        figures.lines({f"curve {n}": [1, 2] for n in range(count)}, "x", "y")


def test_short_lines_stand_on_the_loss_and_lean() -> None:
    w = np.linspace(0, 0.7, 701)
    losses, leans = np.floor(10 * w), 100 * (w - 0.3)
    ax = figures.loss_curve(w, losses, leans, hillside=50 * (w - 0.3) ** 2)
    short = [line.get_xydata() for line in ax.lines if len(line.get_xydata()) == 2]
    assert len(short) == 15
    for (x0, y0), (x1, y1) in short:
        i = round((x0 + x1) / 2 * 1000)
        assert (y0 + y1) / 2 == pytest.approx(losses[i])
        assert (y1 - y0) / (x1 - x0) == pytest.approx(leans[i])
    assert len(figures.loss_curve(w, losses).lines) == 1


def test_seeds_have_one_dot_each_and_their_mean() -> None:
    scores = {"silent": {"a": [10, 20, 60], "b": [1]}, "awake": {"a": [5], "b": [6, 8]}}
    left, right = figures.seeds(scores, "Accuracy (%)")
    held = {line.get_label(): line.get_xdata().tolist() for line in left.lines}
    assert held == {"a": [10, 20, 60], "a, mean": [30], "b": [1], "b, mean": [1]}
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b"]
    assert right.get_title() == "awake" and left.yaxis_inverted()
    assert left.get_xlim() == right.get_xlim()


def test_groups_of_other_methods_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same methods, in the same order: \['a'\]"):
        figures.seeds({"one": {"a": [1]}, "two": {"b": [1]}}, "Accuracy (%)")


def test_shares_are_percentages_of_each_group_on_the_same_scales() -> None:
    groups = {"right": torch.tensor([1, 1, 2, 9]), "wrong": [5, 5]}
    upper, lower = figures.shares(groups, range(1, 11), "Steps")
    assert [bar.get_height() for bar in upper.patches] == [50, 25, 0, 0, 0, 0, 0, 0, 25]
    assert [bar.get_x() for bar in lower.patches if bar.get_height()] == [5]
    assert (upper.get_title("left"), lower.get_title("left")) == ("4 right", "2 wrong")
    assert upper.get_ylim() == lower.get_ylim() and lower.get_xlabel() == "Steps"


@pytest.mark.parametrize("values", [[], [0, 3], [3, 11]])
def test_values_that_no_bar_would_show_are_refused(values: list[int]) -> None:
    with pytest.raises(ValueError, match="all: expected values from 1 to 10, got"):
        figures.shares({"all": values}, range(1, 11), "Steps")


def test_rasters_hold_the_neurons_that_fire_at_some_moment() -> None:
    early, late = torch.zeros(2, 5, 2, 3, 20)  # 120 neurons
    early[0, 0, 0, 3] = late[1, 0, 0, 3] = late[2, 0, 0, 4] = late[4, 1, 2, 19] = 1
    records = {"early": {"wide": early, "out": torch.eye(5)}}
    records["late"] = {"wide": late, "out": torch.eye(5)}

    def held(axes: np.ndarray, row: int, column: int) -> list:
        return axes[row, column].collections[0].get_offsets().tolist()

    axes = figures.rasters(records)  # the neurons 3, 4 and 119
    assert held(axes, 0, 0) == [[0, 0]] and held(axes, 0, 1) == [[1, 0], [2, 1], [4, 2]]
    assert held(axes, 1, 0) == held(axes, 1, 1) == [[n, n] for n in range(5)]
    assert [ax.get_title() for ax in axes[0]] == ["early", "late"]
    labels = [ax.get_ylabel().replace("\n", " ") for ax in axes[:, 0]]
    assert labels == ["wide 3 of 120", "out 5 of 5"]
    assert held(figures.rasters(records, most=2), 0, 1) == [[1, 0], [4, 1]]  # 3 and 119


def test_rasters_of_other_layers_are_refused() -> None:
    moments = {"early": {"layer 1": torch.eye(5)}, "late": {"output": torch.eye(5)}}
    with pytest.raises(ValueError, match=r"same layers, in the same order: \['layer 1'\]"):
        figures.rasters(moments)
    with pytest.raises(ValueError, match="most is 0; expected 1 or more"):
        figures.rasters({"early": {"layer 1": torch.eye(5)}}, most=0)
