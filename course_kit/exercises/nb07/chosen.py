"""The test accuracy of the epoch that the validation images have chosen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe

exercise = Exercise(__name__,
    "Return each seed's test accuracy at the epoch that the validation images choose.",
    shows="Let validation images choose, and test images report.", kind="function")


@exercise.reference
def solved_chosen(val, test):
    epochs = val.mean(axis=-1).argmax(axis=-1)  # one for each seed
    return test.mean(axis=-1)[np.arange(len(test)), epochs]


@exercise.judge
def judge(chosen: Function) -> str:
    for val, test in cases():
        wanted = solved_chosen(val, test)
        got = as_numbers(chosen(val.copy(), test.copy()), len(test))
        if not np.allclose(got, wanted, atol=1e-5):
            raise Wrong(
                f"For {len(test)} seeds, {test.shape[1]} epochs, {val.shape[-1]} validation and "
                f"{test.shape[-1]} test images, you have {listed(got)}; expected {listed(wanted)}.",
                "Which images choose the epoch, and which images are reported?",
            )
    return (
        "Four sets of runs are right. The test images have had no say in what is reported of them."
    )


def cases() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Bits of networks that learn, then grow worse; only in the last are two epochs alike."""
    chance = np.random.default_rng(0)
    for seeds, epochs, images, tie in (
        (2, 5, 200, False), (4, 7, 300, False), (3, 4, 150, False), (2, 6, 100, True),
    ):  # fmt: skip
        course = 0.6 + 0.3 * np.sin(np.linspace(0.3, 2.4, epochs)) + np.zeros((seeds, 1))
        while True:
            levels = course + chance.normal(0, 0.03, (seeds, epochs))
            val = chance.random((seeds, epochs, images)) < levels[..., None]
            test = chance.random((seeds, epochs, 2 * images)) < levels[..., None]
            if all(len(set(row)) == epochs for part in (val, test) for row in part.mean(-1)):
                break
        if tie:  # the last epoch answers as the best does, but not in the test
            val[:, -1] = val[np.arange(seeds), val.mean(-1).argmax(-1)]
        yield val, test


def as_numbers(answer: Any, seeds: int) -> np.ndarray:
    """One number for each seed."""
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu().numpy()
    if isinstance(answer, tuple | list):
        try:
            answer = np.asarray(answer, dtype=float)
        except (TypeError, ValueError):
            pass
    if not isinstance(answer, np.ndarray) or answer.shape != (seeds,):
        raise Wrong(
            f"For {seeds} seeds your function returns {describe(answer)}; expected {seeds} "
            "numbers. Over which axes does a mean or a maximum belong?"
        )
    return answer.astype(float)


def listed(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


@exercise.right("a loop over seeds")
def with_loop(val, test):
    found = []
    for own, other in zip(val, test, strict=True):
        epoch = max(range(len(own)), key=lambda i: own[i].sum())
        found.append(other[epoch].mean())
    return found


@exercise.right("the epoch is taken along")
def taken_along(val, test):
    epochs = val.sum(-1).argmax(1)[:, None]
    return np.take_along_axis(test.mean(-1), epochs, axis=1)[:, 0]


CHOICE = "val.mean(axis=-1).argmax(axis=-1)"
exercise.wrong("The best test accuracy is the result.", edit(CHOICE, "test.mean(-1).argmax(-1)"),
    asks="Who has chosen this epoch: did the test images judge what they had picked themselves?")
exercise.wrong("The last epoch is the result.", edit(CHOICE, "np.full(len(test), -1)"),
    asks="Is that the epoch with the highest validation accuracy, or the last one?")
exercise.wrong("The validation accuracy is the result.",
    edit("return test.mean(axis=-1)", "return val.mean(axis=-1)"),
    asks="These images have chosen. Can they report, too?")
exercise.wrong("One epoch suits all seeds.",
    edit(CHOICE, "np.full(len(test), val.mean(axis=(0, 2)).argmax())"),
    asks="Has each seed an epoch of its choice here, or do all share one?")
exercise.wrong("The lowest is chosen.", edit(CHOICE, "val.mean(axis=-1).argmin(axis=-1)"),
    asks="Are the bits errors, or right answers?")
exercise.wrong("Of equal epochs the last is taken.",
    edit(CHOICE, "val.shape[1] - 1 - val.mean(axis=-1)[:, ::-1].argmax(axis=-1)"),
    asks="If validation finds two epochs equally good, do you take the first of them?")
exercise.wrong("An accuracy is in percent.",
    edit("return test.mean", "return 100 * test.mean"),
    asks="Is that a share, from 0 to 1, or is it in percent?")
exercise.wrong("The seeds are averaged at once.",
    edit("epochs]", "epochs].mean()"), told="Over which axes does a mean")
exercise.wrong("The axis of the epochs is the first.",
    edit(CHOICE, "val.mean(axis=-1).argmax(axis=0)",
         "test.mean(axis=-1)[np.arange(len(test)), epochs]",
         "test.mean(axis=-1)[epochs, np.arange(test.shape[1])]"),
    told="Over which axes does a mean")
