"""Calls of a running network, and what is known of its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

Kind = Literal["flat", "vector", "rows", "expanded"]
"""How a tensor relates to another: the places of a map in a row (``flat``; the other has channels last), the
values of a map of one place (``vector``), the places of a map in a row for each channel (``rows``), or an
expansion (``expanded``)."""


class Known:
    """By which other tensor a tensor can be replaced, where a later call can do without it."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Tensor, Kind, Tensor, int]] = {}

    def remember(self, tensor: Tensor, kind: Kind, other: Tensor, number: int = 0) -> None:
        """Keep what a tensor is of another; ``number`` counts the channels of what is flat."""
        self._found[id(tensor)] = (tensor, kind, other, number)

    def get(self, tensor: Tensor, kind: Kind) -> tuple[Tensor, int] | None:
        """Return the other tensor and the number, if the tensor is of the kind."""
        found = self.any(tensor)
        return found[1:] if found is not None and found[0] == kind else None

    def any(self, tensor: Tensor) -> tuple[Kind, Tensor, int] | None:
        """Return the kind, the other tensor and the number, if something is known of a tensor."""
        found = self._found.get(id(tensor))
        return None if found is None else found[1:]

    def forget(self) -> None:
        """Forget everything, as after a change in place, of which other tensors may be views."""
        self._found.clear()


@dataclass(frozen=True)
class Call:
    """A call of one of PyTorch's functions.

    Attributes:
        function: The function.
        source: Its first argument.
        rest: Its other arguments by place.
        options: Its arguments by name.
        known: What is known of all tensors so far.
    """

    function: Callable[..., Any]
    source: Tensor
    rest: tuple[Any, ...]
    options: Mapping[str, Any]
    known: Known

    @property
    def name(self) -> str:
        """The function's name, such as ``linear``; operators have that of their method."""
        name = str(getattr(self.function, "__name__", ""))
        return name if name.startswith("__") else name.removeprefix("_")

    @property
    def writes_out(self) -> bool:
        """Whether it writes its result to a tensor that it is given."""
        return self.options.get("out") is not None

    @property
    def in_place(self) -> bool:
        """Whether it changes its first argument or another tensor, or may do so."""
        if self.name == "__setitem__" or self.name.startswith("__i") or self.writes_out:
            return True
        if self.name.endswith("_") and not self.name.endswith("__"):
            return True
        return bool(self.argument("inplace", _PLACES.get(self.name, len(self.rest)), default=False))

    def of(self, other: Tensor) -> Any:
        """Return what the function gives for another tensor, which stays as it is."""
        rest, place = list(self.rest), _PLACES.get(self.name, len(self.rest))
        if place < len(rest):
            rest[place] = False
        options = {**self.options, "inplace": False} if "inplace" in self.options else self.options
        return self.function(other, *rest, **options)

    def result(self) -> Any:
        """Return what the function gives."""
        return self.function(self.source, *self.rest, **self.options)

    def argument(self, name: str, place: int, default: Any = None) -> Any:
        """Return an argument given by name or by place, where the second argument has place 0."""
        if name in self.options:
            return self.options[name]
        return self.rest[place] if len(self.rest) > place else default


_PLACES = {
    "relu": 0,
    "relu6": 0,
    "selu": 0,
    "silu": 0,
    "hardsigmoid": 0,
    "hardswish": 0,
    "leaky_relu": 1,
    "elu": 1,
    "celu": 1,
    "hardtanh": 2,
    "dropout": 2,
}
"""Place of the argument ``inplace`` behind the first one."""
