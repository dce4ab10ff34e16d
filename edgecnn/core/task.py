"""A network's task as data, which is stored with checkpoints, artifacts and packages.

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
    """The task of a network: ``{"kind": "detection", ...}``; all other keys are settings of that task."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Kind
    """Name of the task, such as ``classification``."""

    @property
    def settings(self) -> dict[str, JsonValue]:
        """Return the task's settings as JSON values."""
        return dict(self.model_extra or {})


CLASSIFICATION = TaskDescription(kind="classification")
"""The default task of a network."""


def with_task(document: Mapping[str, object]) -> dict[str, object]:
    """Return a document that has the key ``task``.

    Documents from before the key existed describe a detector under ``detector``; those without either belong
    to classifiers.

    Raises:
        ValueError: The value of ``detector`` is not a description.

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
