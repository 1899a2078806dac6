"""A network written out as a Python function, from what torch.export found it to compute. Imports torch.

The function calls PyTorch's own operations one after the other and reads weights by the names they have in the model
file: it runs where nothing but PyTorch is installed, and can be read.
"""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from learning.errors import UnsupportedNetwork

MAX_CONSTANT = 256  # numbers of a tensor that are written into the code
_SIGNS: dict[Callable[..., Any], str] = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.floordiv: "//",
    operator.mod: "%",
}
_LEFT_OUT = ("device", "layout", "pin_memory")  # those of the image, see `_keywords`
_NAMED_KINDS = (InputKind.PARAMETER, InputKind.BUFFER)


def network_function(program: ExportedProgram) -> str:
    """Source of `def scores(weights, image)`: weights by name, image (batch, band, row, col), as the network returns.

    The same program gives the same text.

    Raises: UnsupportedNetwork: it computes with something that is not PyTorch's.
    """
    return _Printer(program).function()


class _Printer:
    def __init__(self, program: ExportedProgram) -> None:
        self._graph = _without_asides(program)
        self._said: dict[fx.Node, str] = {}
        self._free: list[int] = []
        self._named = 0
        self._constants = dict(program.constants)
        self._inputs = {
            spec.arg.name: spec  # type: ignore[union-attr]
            for spec in program.graph_signature.input_specs
        }

    def function(self) -> str:
        """The whole function."""
        lines = ["def scores(weights, image):"]
        last = _last_uses(self._graph)
        for node in self._graph.nodes:
            if node.op == "placeholder":
                lines += self._placeholder(node)
            elif node.op == "call_function":
                said = self._call(node)
                for used in last.get(node, ()):  # what is not needed any more gives its name away, and its memory
                    self._give_back(used)
                self._said[node] = self._take()
                lines.append(f"    {self._said[node]} = {said}")
            elif node.op == "output":
                [outputs] = node.args
                lines.append(f"    return {self._value(outputs[0])}")  # type: ignore[index]
            else:
                raise UnsupportedNetwork(f"The network has a step {node.op!r}, which cannot be written as code.")
        return "\n".join(lines) + "\n"

    def _placeholder(self, node: fx.Node) -> Iterator[str]:
        spec = self._inputs[node.name]
        if spec.kind == InputKind.USER_INPUT:
            self._said[node] = "image"
        elif spec.kind in _NAMED_KINDS:
            self._said[node] = f'weights["{spec.target}"]'
        elif spec.kind == InputKind.CONSTANT_TENSOR:
            constant = self._constants[str(spec.target)]
            if not isinstance(constant, torch.Tensor) or constant.numel() > MAX_CONSTANT:
                raise UnsupportedNetwork(f"The network has a constant {spec.target!r} that cannot be written as code.")
            self._said[node] = node.name
            yield (
                f"    {node.name} = torch.tensor({constant.tolist()!r}, dtype={constant.dtype!r}, device=image.device)"
            )
        else:
            raise UnsupportedNetwork(f"The network has an input {node.name!r}, which cannot be written as code.")

    def _call(self, node: fx.Node) -> str:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and target.namespace == "aten":
            packet, overload = target._overloadpacket.__name__, target._overloadname
            if (packet, overload) == ("sym_size", "int"):
                return f"{self._value(node.args[0])}.shape[{node.args[1]}]"
            name = packet if overload in ("default", "Tensor") else f"{packet}.{overload}"
            given = [self._value(value) for value in node.args]
            return f"aten.{name}({', '.join([*given, *self._keywords(node)])})"
        if target is operator.getitem:
            return f"{self._value(node.args[0])}[{self._value(node.args[1])}]"
        if callable(target) and target in _SIGNS and not node.kwargs:
            left, right = (self._value(value) for value in node.args)
            return f"{left} {_SIGNS[target]} {right}"
        raise UnsupportedNetwork(f"The network computes {target!r}, which cannot be written as code.")

    def _keywords(self, node: fx.Node) -> Iterator[str]:
        """Arguments by name; what is made anew is made where the image is."""
        for key, value in node.kwargs.items():
            if key not in _LEFT_OUT:
                yield f"{key}={self._value(value)}"
            elif key == "device" and value is not None:
                yield "device=image.device"

    def _value(self, value: Any) -> str:
        if isinstance(value, fx.Node):
            return self._said[value]
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self._value, value))}]"
        if isinstance(value, torch.device):
            return "image.device"
        if value is None or isinstance(value, bool | int | float | str | torch.dtype | torch.memory_format):
            return repr(value)
        raise UnsupportedNetwork(f"The network has an argument {value!r}, which cannot be written as code.")

    def _take(self) -> str:
        if not self._free:
            self._named += 1
            return f"x{self._named}"
        return f"x{heapq.heappop(self._free)}"

    def _give_back(self, node: fx.Node) -> None:
        if node.op == "call_function":
            heapq.heappush(self._free, int(self._said[node][1:]))


def _without_asides(program: ExportedProgram) -> fx.Graph:
    """The program's graph without its own checks, and without dropout, which does nothing in evaluation mode."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.graph, val_map={}))
    for node in list(graph.nodes):
        name = getattr(node.target, "__name__", "")
        if name.startswith(("_assert", "sym_constrain")):
            graph.erase_node(node)
        elif name.partition(".")[0] in ("dropout", "feature_dropout") and node.args[2] is False:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    for node in reversed(list(graph.nodes)):  # what only the checks read
        if node.op == "call_function" and not node.users and not _changes_its_input(node):
            graph.erase_node(node)
    graph.lint()
    return graph


def _changes_its_input(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)


def _last_uses(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    """What each step is the last one to read."""
    seen: set[fx.Node] = set()
    last: dict[fx.Node, list[fx.Node]] = {}
    for node in reversed(list(graph.nodes)):
        for used in node.all_input_nodes:
            if used not in seen:
                seen.add(used)
                last.setdefault(node, []).append(used)
    return last
