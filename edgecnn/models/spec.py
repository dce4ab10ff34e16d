"""ModelSpec: everything that is needed to rebuild a network without a pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, PlainSerializer, model_validator

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.source import NetworkOrigin
from edgecnn.core.errors import InputError
from edgecnn.core.task import CLASSIFICATION, TaskDescription, with_task
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Literal[1] = 1


class OwnCode(Document):
    """The code of the user's factory that builds a network: if it changes, later steps are made again."""

    left_out: ClassVar[frozenset[str]] = frozenset({"variables", "library_variables"})

    modules: dict[str, str]
    """SHA-256 of the file of every module of the user's, by the module's name."""

    packages: dict[str, str]
    """Version of every distribution that those modules import."""

    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the data files that they read, by module and path from its folder: ``nets:sizes.json``."""

    variables: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the values of the environment variables that they read; empty for one that was not set."""

    library_variables: dict[str, str] = Field(default_factory=dict)
    """The same for those that libraries read for them, and under ``*`` for all, where code reads them all."""


class ModelSpec(NetworkOrigin):
    """A network as data: its builder and arguments, its input and its classes."""

    left_out: ClassVar[frozenset[str]] = frozenset({"code"})

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    contract: Annotated[Contract, PlainSerializer(Contract.to_json)]
    """Preprocessing of images to the network's input."""

    classes: tuple[str, ...]
    """Class names, in the order of the outputs."""

    task: TaskDescription = CLASSIFICATION
    """The network's task, and what the task must know of the network."""

    code: OwnCode | None = None
    """The code of the builder; None unless it is a ``python:`` factory that a pipeline has built."""

    def with_weights(self, weights: str, licence: str = "") -> ModelSpec:
        """Return the same network with another origin of the weights."""
        return self.model_copy(update={"weights": weights, "licence": licence})

    def with_arguments(self, arguments: Mapping[str, JsonValue]) -> ModelSpec:
        """Return the same network with more arguments of its builder, or with others."""
        return self.model_copy(update={"arguments": {**self.arguments, **arguments}})

    def with_classes(self, classes: tuple[str, ...]) -> ModelSpec:
        """Return the same network with other names of its outputs."""
        return self.model_copy(update={"classes": classes})

    @model_validator(mode="before")
    @classmethod
    def _of_before_tasks(cls, data: Any) -> Any:
        """Read a spec of before it named a task: it may describe a detector."""
        return with_task(data) if isinstance(data, dict) else data

    @classmethod
    def from_json(cls, data: object, name: str = "spec.json") -> Self:
        """Read a spec from the plain data of ``spec.json``, which holds every field.

        Raises:
            InputError: The data is of another schema, or a field is missing or of a wrong type.
        """
        fields = data if isinstance(data, dict) else {}
        if fields.get("schema") != SCHEMA:
            raise InputError(f"{name} has schema {fields.get('schema')!r}; this version reads {SCHEMA}")
        missing = cls.model_fields.keys() - fields.keys() - {"schema_version", "task", "code"}
        if missing:
            raise InputError(f"{name} is no model spec: {min(missing)} is missing")
        return super().from_json(data, name)
