"""Whether forward() methods are plain enough for one call of them to stand for all time steps.

A trace runs a forward() once. What counts its calls, keeps a list, draws random numbers or prints
would then do so once instead of T times. So only code is traced that reads layers and constants
and writes nothing but local variables. It is read here (:mod:`dis`), never run, so a network that
is refused is left as it was. What is not known to be plain is refused.
"""

from __future__ import annotations

import builtins
import dis
import inspect
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import nn

from ..neurons import Leaky

__all__ = ["obstacle"]

_CONSTANTS = (int, float, complex, bool, str, bytes, type(None), torch.dtype, torch.device)
_BUILTINS = (
    range, len, zip, enumerate, reversed, tuple, list, dict, int, float, bool, min, max, sum, abs,
)  # fmt: skip
_MODULES = ("torch", "math", "operator")
_FROM_TORCH = frozenset(f for f in vars(torch).values() if isinstance(f, BuiltinFunctionType))
_OF_LAYERS = {"training", "forward", "children", "named_children"}
_OWN_CALLS = ("__call__", "__getattr__", "__getattribute__", "__setattr__")
_IN_BLOCKS = ("BEFORE_", "SETUP_", "LOAD_SPECIAL", "IMPORT_", "YIELD", "RETURN_GENERATOR", "SEND")


def obstacle(net: nn.Module) -> str | None:
    """Why one call of ``net`` may not stand for all steps; None if it may.

    Modules of :mod:`torch.nn` and ``Leaky`` are not looked into.
    """
    for name, module in net.named_modules():
        if "forward" in vars(module):
            return f"the forward() of module {name!r} was replaced"
    written = [m for m in net.modules() if not (_is_torchs(type(m)) or isinstance(m, Leaky))]
    reader = _Reader(net, written)
    for module in written:
        if reason := reader.class_obstacle(type(module)):
            return f"{type(module).__name__} {reason}"
    return None


def _is_torchs(cls: type) -> bool:
    return cls.__module__.startswith("torch.nn.")


class _Reader:
    """Reads the code of all modules that are not torch's, and the functions that they call."""

    def __init__(self, net: nn.Module, written: list[nn.Module]) -> None:
        self.written = written
        self.children = {name for m in net.modules() for name in m._modules}
        self.tensors = {name for m in net.modules() for name in (*m._parameters, *m._buffers)}
        self.seen: set[CodeType] = set()

    def class_obstacle(self, cls: type) -> str | None:
        for base in cls.__mro__[: cls.__mro__.index(nn.Module)]:
            if not _is_torchs(base) and any(name in vars(base) for name in _OWN_CALLS):
                return "changes how modules are called"
        forward = inspect.getattr_static(cls, "forward")
        if forward is nn.Sequential.forward:
            return None
        if (getattr(forward, "__module__", None) or "").startswith("torch."):
            return "is a variant of one of torch's layers"
        return self._function_obstacle("forward", forward)

    def _function_obstacle(self, name: str, function: Any) -> str | None:
        function = getattr(function, "__func__", function)  # of a static or class method
        if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
            return f"calls {name}(), which is decorated or no plain function"
        if function.__code__ in self.seen:
            return None
        self.seen.add(function.__code__)
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        if not _is_constant(defaults):
            return "has a default argument that may change from step to step"
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        outer = {name: cell.cell_contents for name, cell in cells}
        known = {**vars(builtins), **function.__globals__}
        instructions = list(_instructions(function.__code__))
        instructions.sort(key=lambda i: not i.opname.startswith("STORE_"))  # says most
        for instruction in instructions:
            if reason := self._obstacle(instruction, known, outer):
                return reason
        return None

    def _obstacle(
        self, instruction: dis.Instruction, known: dict[str, Any], outer: dict[str, Any]
    ) -> str | None:
        op, name = instruction.opname, instruction.argval
        if op.startswith(("STORE_", "DELETE_")) and "FAST" not in op:
            if op in ("STORE_DEREF", "DELETE_DEREF") and name not in outer:
                return None  # a local variable that a comprehension or lambda reads
            if "SUBSCR" in op or "SLICE" in op:
                return "changes values in place"
            return f"keeps a state of its own: it sets {name!r}"
        if op == "BINARY_OP" and instruction.argrepr.endswith("="):
            return f"changes values in place, with {instruction.argrepr}"
        if op.startswith(_IN_BLOCKS):
            return "has a block that would not run as written: with, import or yield"
        if op in ("LOAD_GLOBAL", "LOAD_NAME"):
            return self._value_obstacle(name, known.get(name, obstacle))
        if op in ("LOAD_DEREF", "LOAD_CLASSDEREF") and name in outer:
            return self._value_obstacle(name, outer[name])
        if op.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER")):
            return self._attribute_obstacle(name)
        return None

    def _value_obstacle(self, name: str, value: Any) -> str | None:
        if _is_constant(value) or any(value is allowed for allowed in _BUILTINS):
            return None
        if isinstance(value, ModuleType) and value.__name__.split(".")[0] in _MODULES:
            return None
        if isinstance(value, type) and issubclass(value, Exception):
            return None
        if isinstance(value, (FunctionType, BuiltinFunctionType)):
            if (value.__module__ or "").split(".")[0] in _MODULES or value in _FROM_TORCH:
                return None
        if isinstance(value, FunctionType):
            return self._function_obstacle(name, value)
        return f"uses {name!r}, which may change from step to step"

    def _attribute_obstacle(self, name: str) -> str | None:
        """Of whatever it is an attribute: what one module has by that name decides."""
        if name in self.children or name in _OF_LAYERS:
            return None
        if name in self.tensors:
            return f"uses the tensor {name!r} itself"
        for module in self.written:
            if name in vars(module):
                if not _is_constant(vars(module)[name]):
                    return f"keeps a state of its own: it uses {name!r}"
            elif (found := inspect.getattr_static(type(module), name, None)) is not None:
                if hasattr(nn.Module, name):
                    return f"calls {name}() of a module"
                if not _is_constant(found) and (reason := self._function_obstacle(name, found)):
                    return reason
        return f"calls {name}() of a layer of neurons" if name in vars(Leaky) else None


def _is_constant(value: Any) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(_is_constant(item) for item in value)
    return isinstance(value, _CONSTANTS)


def _instructions(code: CodeType) -> Iterator[dis.Instruction]:
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # a comprehension or lambda
            yield from _instructions(constant)
