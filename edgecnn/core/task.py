"""What a network is for, as data: it travels with the checkpoint, every artifact and every package.

The data names a task by its kind and holds that task's own settings. Only the task itself reads the settings;
``edgecnn.tasks.registry`` finds the task of a kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class TaskDescription(BaseModel):
    """The task of a network: ``{"kind": "detection", ...}``; every other key is a setting of that task."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: Kind
    """Name of the task, such as ``classification``."""

    @property
    def settings(self) -> dict[str, JsonValue]:
        """The task's own settings, JSON values."""
        return dict(self.model_extra or {})


CLASSIFICATION = TaskDescription(kind="classification")
"""The task of a network that says nothing else of itself."""


def with_task(document: Mapping[str, object]) -> dict[str, object]:
    """Return a document that has the key ``task``.

    Documents of before the key existed describe a detector under ``detector``; those without either are of
    classifiers.

    Raises:
        ValueError: What stands under ``detector`` is no description.

    >>> with_task({"detector": None})
    {'task': {'kind': 'classification'}}
    """
    rest = {name: value for name, value in document.items() if name != "detector"}
    if "task" in document:
        return rest
    match document.get("detector"):
        case None:
            return rest | {"task": {"kind": "classification"}}
        case dict() as settings:
            return rest | {"task": {**settings, "kind": "detection"}}
    raise ValueError("detector is not the description of a detector")
