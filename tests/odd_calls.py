"""Random bad or odd calls of everything public: what each of them ends in.

Each call starts from a valid one; one or two of its arguments are replaced by values of kinds that
users have been seen to pass. ``python -m tests.odd_calls`` prints the counts, and with a name and a
number (``... tutorial_lib.functional.accuracy_rate 17``) makes one call and shows its traceback.
"""

from __future__ import annotations

import contextlib
import dis
import importlib
import inspect
import io
import math
import numbers
import os
import pkgutil
import random
import re
import signal
import sys
import tempfile
import traceback
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import DataLoader

import course_kit.exercises
import course_kit.explorers
import course_kit.figures
import tutorial_lib
from tutorial_lib import _checks, functional, surrogate

PACKAGES = (tutorial_lib, course_kit.explorers, course_kit.exercises, course_kit.figures)
DOORS = (course_kit.exercises, course_kit.figures)  # nobody imports a module of these
OURS = tuple(str(Path(package.__file__).parent) + os.sep for package in PACKAGES)
SECONDS = 10.0  # of processor time; a call takes some milliseconds

# ------------------------------------------------------------------------------ what is public


# Made by functions; nobody calls these.
RESULTS = {"Digits", "Loaders", "Evaluation", "Recordings", "Ledger", "LedgerRow"}


def modules() -> Iterator[types.ModuleType]:
    """The public modules; of the engine the package alone, which is the door to what is behind."""
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            inner = found.name.removeprefix(f"{package.__name__}.").split(".")
            behind = inner[0] == "fast" and len(inner) > 1 or package in DOORS
            if not behind and not any(part.startswith("_") for part in inner):
                yield importlib.import_module(found.name)


def public() -> dict[str, Callable[..., Any]]:
    """Every public function and class by its full name, and the methods of the classes.

    Of the course kit it is what learners call, and what explorers compute from: functions.
    """
    found: dict[str, Callable[..., Any]] = {}
    for module in modules():
        for name in getattr(module, "__all__", ()):
            value, full = getattr(module, name), f"{module.__name__}.{name}"
            home = getattr(value, "__module__", "")
            ours = home.startswith("tutorial_lib") or (
                isinstance(value, types.FunctionType) and not AUTHORS.fullmatch(f"{home}.{name}")
            )
            if not ours or value in found.values() or name in RESULTS:
                continue
            if isinstance(value, type) and not issubclass(value, Exception):
                found[full] = value
                found |= {f"{full}.{method}": function for method, function in methods(value)}
            elif isinstance(value, types.FunctionType) and inspect.signature(value).parameters:
                found[full] = value
    return found


# What only authors of notebooks, explorers and exercises call.
AUTHORS = re.compile(
    r"course_kit\.(explorers\..*\.(chain|describe|draw)|exercises\..*\.edit|figures\.drawing\..*)"
)


def methods(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of a class that are ours, public, and take something."""
    for name, value in inspect.getmembers(kind, callable):
        ours = (getattr(value, "__module__", None) or "").startswith("tutorial_lib")
        if not ours or isinstance(value, type) or name.startswith("_") and name != "__call__":
            continue
        if any(parameter != "self" for parameter in inspect.signature(value).parameters):
            yield name, value


# ------------------------------------------------------------------------------ odd values


def frozen() -> nn.Module:
    return nn.Linear(6, 3).requires_grad_(False)


NAMES = {
    "Figure": Figure, "Path": Path, "frozen": frozen, "functional": functional, "math": math,
    "nn": nn, "np": np, "surrogate": surrogate, "torch": torch,
}  # fmt: skip
# Each call gets a new one; its text says which.
ODD: dict[str, Callable[[], Any]] = {
    text: partial(eval, text, NAMES)
    for text in (
        "None", "True", "False", "'False'", "'no'", "''", "'mean'", "'Zero'", "b'bytes'",
        "0", "-1", "1", "3", "2.5", "-0.5", "1e-320", "1e300", "10**30", "-(10**30)", "10**400",
        "math.nan", "math.inf", "-math.inf", "1j", "np.float32(0.5)", "np.int64(3)", "np.nan",
        "np.bool_(True)", "np.array(True)", "np.array([True, False])", "np.array([1.0, 2.0])",
        "np.array(['a', 'b'])", "np.array([])", "np.ones((4, 6))", "np.ones((5, 4, 3))", "[]",
        "[1, 2]", "[[1], [2, 3]]", "[None]", "()", "(1, 2)", "{}", "{'a': 1}", "{1: None}",
        "set()", "object()", "int", "nn.Linear", "functional.ce_rate_loss", "surrogate.atan",
        "(lambda: 1)", "(lambda x: None)", "(lambda *args: 1.0)", "(lambda *args: 'text')",
        "(x for x in ())", "iter([1])", "range(3)", "Path('no') / 'such'", "torch.float16",
        "torch.device('cpu')", "nn.Linear(2, 2)", "nn.Sequential()", "nn.Flatten()", "frozen()",
        "nn.Linear(6, 3, device='meta')", "torch.Generator()", "torch.tensor(1)",
        "torch.tensor(0.5)", "torch.tensor(True)", "torch.tensor([True, False])",
        "torch.tensor([1.0, 2.0], requires_grad=True)", "torch.tensor([1j])", "torch.empty(0)",
        "torch.empty(3, device='meta')", "torch.ones(3).to_sparse()", "torch.ones(3, 2).half()",
        "torch.full((3,), math.nan)", "[torch.ones(2), torch.ones(2)]", "torch.nn", "Figure()",
    )
}  # fmt: skip


def _infected(x: Tensor, value: float) -> Tensor:
    x = x.detach().double().clone()
    if x.numel():
        x.view(-1)[0] = value
    return x


TWISTS: dict[str, Callable[[Tensor], Any]] = {
    "complex": lambda x: x.to(torch.complex64),
    "float64": lambda x: x.double(),
    "float16": lambda x: x.half(),
    "bfloat16": lambda x: x.bfloat16(),
    "bool": lambda x: x.bool(),
    "int8": lambda x: x.to(torch.int8),
    "int64": lambda x: x.long(),
    "meta": lambda x: x.detach().to("meta"),
    "sparse": lambda x: x.detach().to_sparse(),
    "requires_grad": lambda x: x.detach().float().requires_grad_(),
    "not contiguous": lambda x: x.repeat_interleave(2, -1)[..., ::2] if x.ndim else x,
    "transposed": lambda x: x.mT if x.ndim > 1 else x,
    "axes reversed": lambda x: x.permute(*reversed(range(x.ndim))),
    "empty": lambda x: x[:0] if x.ndim else x.new_empty(0),
    "first": lambda x: x[0] if x.ndim else x,
    "one axis more": lambda x: x.unsqueeze(0),
    "one axis more at the end": lambda x: x.unsqueeze(-1),
    "flat": lambda x: x.flatten(),
    "one number": lambda x: x.flatten()[0] if x.numel() else x,
    "twice as long": lambda x: torch.cat([x, x]) if x.ndim else x,
    "NaN inside": lambda x: _infected(x, math.nan),
    "infinity inside": lambda x: _infected(x, math.inf),
    "huge": lambda x: _infected(x, 1e300),
    "huge float32": lambda x: _infected(x, 3e38).float(),
    "subnormal": lambda x: _infected(x, 1e-320),
    "negative": lambda x: -x if x.dtype != torch.bool else x,
    "large": lambda x: x * 10,
    "zeros": lambda x: torch.zeros_like(x),
    "numpy": lambda x: x.detach().numpy(),
    "list": lambda x: x.tolist(),
    "tuple of steps": lambda x: tuple(x) if x.ndim else (x,),
    "class": lambda x: Tensor,
    "parameter": lambda x: nn.Parameter(x.float()),
}


# ------------------------------------------------------------------------------ valid calls


class Call(NamedTuple):
    """A function, arguments that are valid, and what its results have to be besides finite."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    good: Callable[[dict[str, Any], Any], bool] = lambda given, result: True
    steps: bool = False  # one step of a computation, elementwise, where NaN gives NaN
    refuses: bool = False  # this object cannot do it, whatever it is given


@dataclass
class Verdict:
    kind: str  # "our error", "sensible value", "error of the function given" or "unclear"
    call: str
    why: str


class Made(NamedTuple):
    """A call with its arguments, and those of them that were changed: into what."""

    name: str
    number: int
    call: Call
    arguments: dict[str, Any]
    changed: dict[str, str]

    def __str__(self) -> str:
        changed = ", ".join(f"{key}: {value}" for key, value in self.changed.items())
        return f"{self.name} {self.number} ({changed})"


def made(name: str, number: int) -> Made:
    """The call of this number of a public name."""
    from tests import valid_calls  # what is drawn here, and what is valid, know of each other

    draw = random.Random(f"{name}/{number}")
    torch.manual_seed(number)
    call = valid_calls.VALID[name]()
    parameters = [
        parameter.name
        for parameter in inspect.signature(call.function).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    arguments, told = dict(call.arguments), {}
    changed = draw.sample(parameters, min(draw.choice((1, 1, 2)), len(parameters)))
    for argument in changed:
        before = arguments.get(argument)
        if isinstance(before, Tensor) and draw.random() < 0.6:
            told[argument] = draw.choice(list(TWISTS))
            arguments[argument] = TWISTS[told[argument]](before)
        else:
            told[argument] = draw.choice(list(ODD))
            arguments[argument] = ODD[told[argument]]()
    return Made(name, number, call, {key: arguments[key] for key in changed} | arguments, told)


THEIRS = {"loss_fn", "simulate"}  # functions; what goes wrong in them is their caller's


def judged(name: str, number: int) -> Verdict:
    """Make one call; say what it ends in."""
    this = made(name, number)
    before = state(this.arguments)
    try:
        with quiet(), limited(SECONDS):
            result = this.call.function(**this.arguments)
            if isinstance(result, types.GeneratorType):
                result = [value for value, _ in zip(result, range(5), strict=False)]
    except Exception as error:
        if THEIRS & this.changed.keys() and not isinstance(error, Hang):
            return Verdict("error of the function given", str(this), str(error))
        after = state(this.arguments)
        changed = [part for part in before if before[part] != after[part]]
        problem = unclear(error, this)
        if changed and problem is None:
            problem = f"has changed {', '.join(changed)} when it says: {error}"
        return Verdict("unclear" if problem else "our error", str(this), problem or str(error))
    problem = nonsense(this.call, this.arguments, result)
    return Verdict("unclear" if problem else "sensible value", str(this), problem or "")


def state(arguments: dict[str, Any]) -> dict[str, object]:
    """What a call that ends in an error leaves as it is: networks, generators, files, settings."""
    nets = [value for value in arguments.values() if isinstance(value, nn.Module)]
    held = [x.detach() for net in nets for x in net.state_dict().values() if not x.is_meta]
    reads = any(isinstance(value, DataLoader) for value in arguments.values())  # each draws a seed
    return {
        "a network": [(x.shape, x.contiguous().numpy().tobytes()) for x in held],
        "its mode": [module.training for net in nets for module in net.modules()],
        "torch's generator": None if reads else torch.get_rng_state().numpy().tobytes(),
        "Python's generator": hash(random.getstate()),
        "files": sorted((item.name, item.stat().st_mtime_ns) for item in os.scandir()),
        "settings": (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()),
    }


# ------------------------------------------------------------------------------ what is clear


def unclear(error: BaseException, this: Made) -> str | None:
    """Why an error is none of ours, or does not help; None if it does.

    It helps if it names an argument and says what was given for it. That is one that was changed,
    or one of two that do not fit each other.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    told = f"{type(error).__name__}: {str(error).strip()[:300]}"
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = frame.f_code
    where = f"{code.co_filename.split('site-packages/')[-1]}:{trace.tb_lineno}"
    raised = dis.opname[code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"
    if not (raised and code.co_filename.startswith(OURS)):
        return f"raised elsewhere, {where}: {told}"
    message = str(error.args[0] if isinstance(error, KeyError) else error)
    message = " ".join([message, *getattr(error, "__notes__", ())])
    if this.call.refuses and type(this.call.function.__self__).__name__ in message:
        return None
    named = [name for name in this.arguments if re.search(rf"\b{name}\b", message)]
    if not named:
        return f"names no argument, {where}: {told}"
    if not any(shows(message, this.arguments[name]) for name in named):
        return f"does not say what was given, {where}: {told}"
    return None


def shows(message: str, value: Any) -> bool:
    """Whether a message says what was given: its value, what it is, its shape or its kind."""
    seen = [" ".join(str(value).split())[:40], " ".join(repr(value).split())[:40]]
    seen += [type(value).__name__, getattr(value, "__name__", "")]
    if isinstance(value, (list, tuple, dict, set, range, nn.Sequential)):
        seen += [] if len(value) else ["empty"]
        if any(shows(message, part) for part in value):
            return True
        seen += [str([len(value)]), f"got {len(value)}"]
    elif isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "OU":
        return shows(message, list(value))
    elif not getattr(value, "ndim", not isinstance(value, numbers.Number)):
        seen += ["one number"]
    if isinstance(value, (Tensor, np.ndarray)):
        seen += [str(list(value.shape)), str(value.dtype)]
        seen += (
            [str(list(value.shape[1:])), f"got {len(value)} "] if value.ndim else []
        )  # its parts
    elif isinstance(value, (str, Iterator)):
        seen += ["got 0 "] if value == "" else ["got "] if isinstance(value, Iterator) else []
    if isinstance(value, Tensor):
        dense = _checks.has_values(value)
        seen += numbers_of(value) if dense else [str(value.device), str(value.layout)]
    elif isinstance(value, np.ndarray):
        seen += numbers_of(torch.from_numpy(value)) if value.dtype.kind in "biuf" else []
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = int(value) if isinstance(value, numbers.Integral) else float(value)
        number = torch.tensor(min(max(number, -1e300), 1e300), dtype=torch.float64)
        seen += numbers_of(number) + numbers_of(number.float())
    return any(text and text in message for text in seen)


def numbers_of(value: Tensor) -> list[str]:
    """What messages say of a tensor's values: its extremes, or what is no number."""
    if value.numel() == 0 or value.is_complex():
        return ["empty"]
    low, high = (float(end) for end in value.detach().flatten().double().aminmax())
    if not math.isfinite(low + high):
        return ["NaN", "nan", "inf"]
    return [text for end in (low, high) for text in (f"{end:g}", f"{end:.4g}")]


def nonsense(call: Call, arguments: dict[str, Any], result: Any) -> str | None:
    """Why a call should not have returned this; None if it makes sense."""
    for name, parameter in inspect.signature(call.function).parameters.items():
        if name in arguments and not fits(parameter, arguments[name]):
            return f"accepts {arguments[name]!r} as {name}: {parameter.annotation}"
    passed_on = call.steps and senseless(list(arguments.values()))  # NaN in, NaN out
    if not passed_on and (problem := senseless(result)) is not None:
        return f"returns {problem}"
    try:
        good = call.good(arguments, result)
    except Exception as error:
        return f"returns {str(result)[:200]}, which cannot be judged: {error!r}"
    return None if good else f"returns {str(result)[:200]}"


def _is_int(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    """Also an array or tensor of one number. A list of numbers may stand for a tensor."""
    if isinstance(value, (Tensor, np.ndarray)):
        return value.size == 1 if isinstance(value, np.ndarray) else value.numel() == 1
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


FITS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, (bool, np.bool_)),
    "int": _is_int,
    "float": _is_number,
    "str": lambda value: isinstance(value, str),
    "Tensor": lambda value: isinstance(value, (Tensor, np.ndarray, list, tuple, range)),
    "nn.Module": lambda value: isinstance(value, nn.Module),
    "None": lambda value: value is None,
}


def fits(parameter: inspect.Parameter, value: Any) -> bool:
    """Whether a value is of the kind that the annotation promises, if that is a simple one."""
    if value is parameter.default or value is False and parameter.default is None:
        return True  # None may be written False, as in snnTorch
    kinds = [kind.strip() for kind in str(parameter.annotation).split("|")]
    return any(kind not in FITS or FITS[kind](value) for kind in kinds)


def senseless(value: Any) -> str | None:
    """Why a result makes no sense, looked for in all its parts; None if it does."""
    if isinstance(value, Tensor):
        if value.is_meta or value.layout != torch.strided or value.is_complex():
            return f"a tensor of {value.dtype}, {value.layout}, on {value.device}"
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            return "NaN or infinity in a tensor"
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if not np.isfinite(value).all() and not np.isposinf(value).any():
            return "NaN in an array"
    elif isinstance(value, (float, np.floating)):
        if math.isnan(value):
            return "NaN"
    elif isinstance(value, dict):
        return next((p for part in value.values() if (p := senseless(part))), None)
    elif isinstance(value, (tuple, list)):
        return next((p for part in value if (p := senseless(part))), None)
    elif isinstance(value, nn.Module):
        return senseless(list(value.state_dict().values()))
    elif is_dataclass(value) and not isinstance(value, type):
        return senseless([getattr(value, field.name) for field in fields(value)])
    return None


# ------------------------------------------------------------------------------ bounds


class Hang(Exception):
    """A call computed for too long."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise :class:`Hang` after this much processor time, where the system can count it."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_: int, frame: FrameType | None) -> None:
        raise Hang(f"no result within {seconds:g} s of processor time")

    handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings, no output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stderr(io.StringIO()):
            yield


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """In an empty folder, with little more memory than is in use, by one thread."""
    threads, here = torch.get_num_threads(), Path.cwd()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with memory(2 * 2**30):
                yield
        finally:
            os.chdir(here)
            torch.set_num_threads(threads)


@contextlib.contextmanager
def memory(more: int) -> Iterator[None]:
    """This process gets at most so many bytes of address space more, where that can be set."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)


def main() -> None:
    """Print the counts per class, and what is unclear; or make one call."""
    from tests import valid_calls

    if len(sys.argv) > 2:
        this = made(sys.argv[1], int(sys.argv[2]))
        print(this)
        print(this.call.function(**this.arguments))
        return
    total: Counter[str] = Counter()
    with bounded():
        for name in valid_calls.VALID:
            if len(sys.argv) > 1 and sys.argv[1] not in name:
                continue
            verdicts = [judged(name, number) for number in range(valid_calls.count(name))]
            counts = Counter(verdict.kind for verdict in verdicts)
            total += counts
            print(name, dict(counts), flush=True)
            for verdict in verdicts:
                if verdict.kind == "unclear":
                    print("   ", verdict.call, verdict.why, flush=True)
    print(dict(total), total.total())


if __name__ == "__main__":
    main()
