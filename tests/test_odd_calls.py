"""Ten thousand bad or odd calls: each ends in a sensible value, or in an error that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import torch

from tests import odd_calls, valid_calls
from tests.helpers import small_net
from tutorial_lib import _checks
from tutorial_lib.simulation import forward_pass


@pytest.fixture(autouse=True, scope="module")
def _bounded() -> Iterator[None]:
    with odd_calls.bounded():
        yield


def test_everything_public_is_called() -> None:
    assert odd_calls.public().keys() == valid_calls.VALID.keys()
    assert sum(map(valid_calls.count, valid_calls.VALID)) >= 10_000


@pytest.mark.parametrize("name", valid_calls.VALID)
def test_odd_calls(name: str, record_property: pytest.RecordProperty) -> None:
    """To see one call with its traceback: ``python -m tests.odd_calls NAME NUMBER``."""
    verdicts = [odd_calls.judged(name, number) for number in range(valid_calls.count(name))]
    for kind, count in Counter(verdict.kind for verdict in verdicts).items():
        record_property(kind, count)
    unclear = [f"{v.call}: {v.why}" for v in verdicts if v.kind == "unclear"]
    assert not unclear, "\n".join(unclear[:20])


def test_the_judge_tells_help_from_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(**arguments: object) -> str | None:
        valid = {"net": small_net(), "num_steps": 5, "data": torch.rand(4, 6)}
        call = odd_calls.Call(forward_pass, valid, valid_calls.run_over_time)
        try:
            result = forward_pass(**valid | arguments)
        except Exception as error:
            this = odd_calls.Made("", 0, call, valid | arguments, dict.fromkeys(arguments, ""))
            return odd_calls.unclear(error, this)
        return odd_calls.nonsense(call, valid | arguments, result)

    assert judged() is None
    assert judged(time_varying="no") is None  # an error of ours
    assert "raised elsewhere" in judged(net=torch.nn.Module())
    monkeypatch.setattr(_checks, "flag", lambda name, value: value)
    assert "accepts 0 as time_varying" in judged(time_varying=0)
    monkeypatch.setattr(_checks, "tensor", lambda name, value, remedy="": value)
    assert "raised elsewhere" in judged(data=[1.0])


def _raising(message: str, before: str = "", **given: object) -> odd_calls.Made:
    """A call of a function of the library that raises."""
    code = f"def raising(**given):\n    {before}\n    raise ValueError(message)"
    scope: dict[str, object] = {"message": message, "torch": torch}
    exec(compile(code, _checks.__file__, "exec"), scope)
    return odd_calls.Made("raising", 0, odd_calls.Call(scope["raising"], {}), given, dict(given))


@pytest.mark.parametrize(
    ("message", "given", "why"),
    [
        ("The record must hold spikes, got 3.", 3, "names no argument"),
        ("metadata must hold spikes, got 3.", 3, "names no argument"),
        ("data must hold spikes, not what was given.", 3, "does not say what was given"),
        ("data must have 2 axes: [B, N].", torch.ones(5), "does not say what was given"),
        ("data must hold spikes, got 3.", 3, ""),
        ("data must have 2 axes, got [5].", torch.ones(5), ""),
        ("labels must be 3 names, one for each of data, got ['a'].", torch.ones(5), ""),
    ],
)
def test_an_error_names_the_argument_and_what_was_given(
    monkeypatch: pytest.MonkeyPatch, message: str, given: object, why: str
) -> None:
    monkeypatch.setattr(odd_calls, "made", lambda *_: _raising(message, data=given, labels=["a"]))
    verdict = odd_calls.judged("raising", 0)
    assert (verdict.kind, verdict.why[: len(why)]) == ("unclear" if why else "our error", why)


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ("torch.rand(1)", "torch's generator"),
        ("open('left', 'w').close()", "files"),
        ("given['net'].eval()", "its mode"),
        ("given['net'].weight.data.zero_()", "a network"),
        ("torch.set_num_threads(2)", "settings"),
    ],
)
def test_what_an_error_leaves_changed_is_noticed(
    monkeypatch: pytest.MonkeyPatch, before: str, changed: str
) -> None:
    net, threads = torch.nn.Linear(2, 2), torch.get_num_threads()
    this = _raising("net must be a Linear, got Linear.", before, net=net)
    monkeypatch.setattr(odd_calls, "made", lambda *_: this)
    verdict = odd_calls.judged("raising", 0)
    torch.set_num_threads(threads)
    assert (verdict.kind, verdict.why.split(" when")[0]) == ("unclear", f"has changed {changed}")


def test_a_hang_is_noticed() -> None:
    with pytest.raises(odd_calls.Hang), odd_calls.limited(0.05):
        while True:
            pass
