"""ModelSpec: everything that is needed to rebuild a network without a pickle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.task import CLASSIFICATION, TaskDescription, with_task
from edgecnn.ondevice.contract import Contract

SCHEMA = 1


@dataclass(frozen=True)
class Width:
    """Width of a pruned layer.

    Attributes:
        inputs: Input channels; None if they are the builder's.
        outputs: Output channels; None if they are the builder's.
    """

    inputs: int | None = None
    outputs: int | None = None

    def to_json(self) -> dict[str, int]:
        """Return the counts that differ from the builder's, as plain data."""
        both = {"inputs": self.inputs, "outputs": self.outputs}
        return {name: count for name, count in both.items() if count is not None}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Width:
        """Rebuild a width from :meth:`to_json`.

        Raises:
            ValueError: A count is not a positive whole number, or the data is not a width.
        """
        if not isinstance(data, dict) or not data.keys() <= {"inputs", "outputs"}:
            raise ValueError(f"{data!r} is not a width")
        if not all(type(count) is int and count > 0 for count in data.values()):
            raise ValueError(f"{data} is not a width: channels are counted from 1")
        return cls(**data)


@dataclass(frozen=True)
class ModelSpec:
    """A network as data: its builder and arguments, its input and its classes.

    Attributes:
        builder: ``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME`` or ``python:package.module:factory``.
        arguments: Keyword arguments of the builder, JSON values only.
        contract: Preprocessing of images to the network's input.
        classes: Class names, in the order of the outputs.
        widths: Channels of every layer that has fewer than the builder makes, by qualified module name;
            empty unless the network was pruned.
        weights: Origin of the weights, as text for the user: a package, a file, a training run.
        licence: Licence of the weights, if known.
        task: The network's task, and what the task must know of the network.
    """

    builder: str
    contract: Contract
    classes: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    widths: dict[str, Width] = field(default_factory=dict)
    weights: str = ""
    licence: str = ""
    task: TaskDescription = CLASSIFICATION

    def with_weights(self, weights: str, licence: str = "") -> ModelSpec:
        """Return the same network with another origin of the weights."""
        return replace(self, weights=weights, licence=licence)

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain data, for ``spec.json``."""
        return {
            "schema": SCHEMA,
            "builder": self.builder,
            "arguments": self.arguments,
            "contract": self.contract.to_json(),
            "classes": list(self.classes),
            "widths": {name: width.to_json() for name, width in self.widths.items()},
            "weights": self.weights,
            "licence": self.licence,
            "task": self.task.model_dump(mode="json"),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ModelSpec:
        """Rebuild a spec from :meth:`to_json`.

        Raises:
            InputError: The data is of another schema, or a field is missing or of a wrong type.
        """
        if data.get("schema") != SCHEMA:
            raise InputError(f"spec.json has schema {data.get('schema')!r}; this version reads {SCHEMA}")
        if not isinstance(data.get("classes"), list):
            raise InputError("spec.json is not a model description: classes is not a list")
        try:
            data = with_task(data)
            return cls(
                builder=str(data["builder"]),
                arguments=dict(data["arguments"]),
                contract=Contract.from_json(data["contract"]),
                classes=tuple(str(name) for name in data["classes"]),
                widths={str(name): Width.from_json(width) for name, width in data["widths"].items()},
                weights=str(data["weights"]),
                licence=str(data["licence"]),
                task=TaskDescription.model_validate(data["task"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(f"spec.json is not a model description: {error}") from error
