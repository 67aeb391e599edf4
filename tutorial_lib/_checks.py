"""Input checks that all modules share: what came, what was expected, what to do.

Each check returns its value, or raises: a TypeError for one of the wrong type, a ValueError for one
out of range.
"""

from __future__ import annotations

import math
import numbers

import torch
from torch import Tensor

LARGEST = 1e15  # magnitude of what a network records

LARGEST_COUNT = 2**31 - 1


def positive(name: str, value: float) -> float:
    """Return ``value`` as a float if it is a finite number above zero."""
    number = _number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {shown(value)}.")
    return number


def at_least_one(name: str, value: int, at_most: int = LARGEST_COUNT) -> int:
    """Return ``value`` as an int if it is an integer from 1 to ``at_most``."""
    number = _integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {value}.")
    if number > at_most:
        raise ValueError(f"{name} must be at most {at_most:,}, got {value}.")
    return number


def seed(value: int) -> int:
    """Return ``value`` as an int if every generator (Python, NumPy, torch) takes it as a seed."""
    number = _integer("seed", value)
    if not 0 <= number < 2**32:
        raise ValueError(f"seed must lie between 0 and 2**32 - 1, got {value}.")
    return number


def _integer(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {shown(value)} ({type(value).__name__}).")
    return int(value)


def fraction(name: str, value: float) -> float:
    """Return ``value`` as a float if it lies in [0, 1]."""
    number = _number(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {shown(value)}.")
    return number


def finite(name: str, value: float) -> float:
    """Return ``value`` as a float if it is a finite number."""
    number = _number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {shown(value)}.")
    return number


def flag(name: str, value: bool) -> bool:
    """Return ``value`` if it is True or False; a text such as "False" would count as true."""
    if not isinstance(value, bool):
        raise TypeError(
            f"{name} must be True or False, got {shown(value)} ({type(value).__name__}). "
            f"Write {name}=True or {name}=False, without quotes."
        )
    return value


def choice(name: str, value: str, options: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of ``options``."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {options}, got {shown(value)}.")
    return value


def _number(name: str, value: float) -> float:
    problem = TypeError(f"{name} must be a number, got {shown(value)} ({type(value).__name__}).")
    kind = str(getattr(value, "dtype", type(value).__name__))  # also of NumPy's and torch's scalars
    if isinstance(value, str) or "bool" in kind or "complex" in kind:
        raise problem
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError) as error:
        raise problem from error


def shown(value: object) -> str:
    """What was given, in one short line: no array of a thousand numbers."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def has_values(tensor: Tensor) -> bool:
    """Say whether a tensor is dense and not on the device "meta", where there are no values."""
    if torch.compiler.is_compiling():  # it knows no layouts in a backward pass
        return not tensor.is_meta
    return not tensor.is_meta and tensor.layout == torch.strided


def being_recorded(tensor: Tensor) -> bool:
    """Say whether a program is compiled or a CUDA graph recorded, so that no values are there."""
    if torch.compiler.is_compiling():
        return True
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()


def tensor(
    name: str, value: Tensor, remedy: str = "convert it with .float()", *, meta: bool = False
) -> Tensor:
    """Return ``value`` if it is a dense floating-point tensor that holds values.

    One on the device "meta" passes where it is allowed, as it may tell shapes.
    """
    if not (isinstance(value, Tensor) and value.is_floating_point()):
        got = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a floating-point tensor, got {got}: {remedy}.")
    return value if meta and value.is_meta else dense(name, value)


def dense(name: str, value: Tensor) -> Tensor:
    """Return ``value`` if it is a dense tensor that holds values."""
    if not has_values(value):
        raise TypeError(
            f"{name} must be a dense tensor with values, got {value.layout} on {value.device}: "
            "a sparse one becomes dense with .to_dense(); on the device 'meta' there are no values."
        )
    return value


def reals(name: str, value: object, wanted: str) -> Tensor:
    """Return ``value`` as a tensor if it holds real numbers; ``wanted`` says what it must be."""
    try:
        found = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must {wanted}, got {shown(value)}.") from error
    lost = isinstance(value, Tensor) and not has_values(found)  # numbers may go to "meta"
    if found.is_complex() or found.dtype == torch.bool or lost:
        kind = f"{found.dtype}, {found.layout}, on {found.device}"
        raise TypeError(f"{name} must {wanted}, got {kind}.")
    return found


def fits(value: Tensor, cur: Tensor) -> bool:
    """Say whether a tensor broadcasts to the shape of ``cur``."""
    try:
        return torch.broadcast_shapes(value.shape, cur.shape) == cur.shape
    except RuntimeError:
        return False


def images(name: str, value: Tensor) -> Tensor:
    """Return ``value`` if it is a tensor of brightness from 0 to 1, ``[B, ...]``, not empty."""
    tensor(name, value, "bytes become one with images.float() / 255")
    if value.ndim == 0 or value.numel() == 0:
        raise ValueError(
            f"{name} must have at least one axis and one entry, got the shape {list(value.shape)}."
        )
    low, high = value.min().item(), value.max().item()
    if not (low >= 0 and high <= 1):  # NaN fails this, too
        raise ValueError(
            f"{name} must lie in [0, 1], got values from {low:.4g} to {high:.4g}. Scale them "
            "first: undo a Normalize, or divide bytes by 255."
        )
    return value


def record(name: str, rec: Tensor) -> Tensor:
    """Return ``rec`` if it is a floating-point record of shape ``[T, B, C]``, all of it finite."""
    if not isinstance(rec, Tensor):
        raise TypeError(
            f"{name} must be a tensor of shape [T, B, C], got {type(rec).__name__}. "
            "A list of steps becomes one with torch.stack(steps)."
        )
    if rec.ndim != 3:
        raise ValueError(
            f"{name} must have the shape [T, B, C] (time steps, batch, classes), got "
            f"{list(rec.shape)}. Record every time step and join them with torch.stack(steps)."
        )
    if 0 in rec.shape:
        raise ValueError(f"{name} is empty: its shape [T, B, C] is {list(rec.shape)}.")
    tensor(name, rec)
    largest = rec.detach().abs().amax()  # NaN if there is one
    if not bool(largest <= LARGEST):
        what = "NaN" if bool(largest.isnan()) else "infinite values"
        if bool(largest.isfinite()):
            what = f"values up to {largest:g}; beyond {LARGEST:g} squares would overflow"
        raise ValueError(
            f"{name} contains {what}. Is the learning rate too large, or the input not finite?"
        )
    return rec


def spikes(name: str, rec: Tensor) -> Tensor:
    """Return ``rec`` if it is a record of spikes: as :func:`record`, and whole numbers from 0.

    Numbers above 1 are spikes of a population.
    """
    record(name, rec)
    if not bool(((rec >= 0) & (rec == rec.round())).all()):
        raise ValueError(
            f"{name} must hold spikes, 0 or 1, got values from {rec.min().item():g} to "
            f"{rec.max().item():g}. Is it mem_rec where spk_rec was meant?"
        )
    return rec


def labels(targets: Tensor, batch: int, num_classes: int) -> Tensor:
    """Return ``targets`` if they are class indices of shape ``[B]`` below ``num_classes``."""
    if not isinstance(targets, Tensor):
        raise TypeError(
            f"targets must be a tensor of class indices, got {type(targets).__name__}. "
            "Convert them with torch.as_tensor(targets)."
        )
    dense("targets", targets)
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise TypeError(
            f"targets must be integer class indices, got {targets.dtype}. "
            "Convert them with .long(); one-hot targets with .argmax(-1)."
        )
    if targets.shape != (batch,):
        raise ValueError(
            f"targets must have the shape [B] = [{batch}] to match the record, got "
            f"{list(targets.shape)}. Is the record [T, B, C], with time first?"
        )
    targets = targets.long()
    low, high = torch.stack(targets.aminmax()).tolist()  # at once: a GPU is waited for here
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"targets must lie between 0 and {num_classes - 1} for {num_classes} classes, "
            f"got values from {low} to {high}."
        )
    return targets
