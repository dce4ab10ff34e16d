"""Budgets: limits on a target's measured values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from edgecnn.core.config.bounds import BoundedSchema
from edgecnn.core.config.quantities import Count, Duration, Fraction, Quantity, Ratio, Size
from edgecnn.core.errors import UsageError
from edgecnn.core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from edgecnn.core.config.yaml_source import YamlSource

EVERY_TARGET = "*"
"""The name in ``budgets`` that stands for every target."""

Emulated = Literal["raspberry-pi-4", "raspberry-pi-5"]
"""Devices that are available as an emulated processor."""


class Budgets(BoundedSchema):
    """Limits of one target; a limit that is not given does not apply.

    A limit on a value that was not measured is an error and never passes silently. A key that is not listed
    here may be a metric of the pipeline's task, which another package may provide; the planner refuses keys
    that no task has.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Quantity] = Field(init=False)

    size: Size | None = None
    """Largest size of the model files, such as ``400 kB``."""

    accuracy: Fraction | None = None
    """Smallest task metric on the evaluation set, in the shipping runtime."""

    accuracy_drop: Fraction | None = None
    """Largest loss of the task metric against fp32 PyTorch on the same images."""

    unpruned_drop: Fraction | None = None
    """Largest loss of the task metric against the network before it was pruned, on the same images."""

    ap50: Fraction | None = None
    """Smallest AP50 of a detector, whose ``accuracy`` is AP50:95."""

    ap50_drop: Fraction | None = None
    """Largest loss of a detector's AP50 against fp32 PyTorch on the same images."""

    class_floor: Fraction | None = None
    """Smallest accuracy of any single class, in the shipping runtime."""

    latency_ratio: Ratio | None = None
    """Largest latency, as a multiple of the float32 file's in the same runtime."""

    baseline_latency_ratio: Ratio | None = None
    """Largest latency, as a multiple of the accepted baseline's; judged by ``check --baseline``."""

    latency: dict[str, Duration] | None = None
    """Largest median latency of one inference, by the name of the CPU that it applies to."""

    memory: Size | None = None
    """Largest peak memory of a worker that runs the file, interpreter and runtime included."""

    instructions: dict[Emulated, Count] | None = None
    """Largest number of executed Arm instructions of one inference, by emulated device."""

    float_ops: Count | None = None
    """Largest number of floating-point operations left in the file."""

    integer_macs: Fraction | None = None
    """Smallest share of the multiply-accumulates that the file computes in integers. An int8 target always
    has this limit: 80 % if none is given, because the first layers may stay in float, and 100 % with
    ``float_ops: 0``."""

    transposes: Count | None = None
    """Largest number of layout transposes in the file."""

    npu_coverage: Fraction | None = None
    """Smallest share of operations, and of multiply-accumulates, that the NPU runs."""

    cpu_ops: Count | None = None
    """Largest number of operations that the compiler leaves to the CPU."""

    subgraphs: Count | None = None
    """Largest number of pieces that the network is divided into on the NPU."""

    cycles: Count | None = None
    """Largest number of NPU cycles of one inference, as estimated by the compiler."""

    sram: Size | None = None
    """Largest SRAM of one inference on the NPU, as reported by the compiler."""

    flash: Size | None = None
    """Largest flash size of weights and program, as reported by the compiler."""

    arena: Size | None = None
    """Largest arena of the microcontroller's interpreter."""

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out a limit that older manifests lack, so that they are written again as they were."""
        written: dict[str, object] = handler(self)
        return {name: value for name, value in written.items() if name != "integer_macs" or value is not None}

    def over(self, base: Budgets) -> Budgets:
        """Return ``base`` with the limits of this object in place of its own.

        >>> Budgets(size="1 kB").over(Budgets(size="2 kB", float_ops=0)).given()
        {'size': 1000, 'float_ops': 0}
        """
        return base.model_copy(update=self.given())

    def unknown(self, metrics: Collection[str]) -> list[str]:
        """Return the limits that are on none of these metrics."""
        return [name for name in self.given() if name not in metrics]

    def given(self) -> dict[str, float | dict[str, float]]:
        """Return the limits that bind, by name."""
        return self.model_dump(exclude_none=True)


class KnownBudgets(Protocol):
    """The metrics that can have a budget."""

    def __contains__(self, name: object) -> bool:
        """Return whether a metric of this name can have a budget."""

    def __iter__(self) -> Iterator[str]:
        """Return the names of all of them."""

    def mistake(self, name: str, limit: object) -> str | None:
        """Return what is wrong about a written limit on a metric; None if nothing is."""


def wrong_budgets(
    source: YamlSource, targets: Collection[str], known: KnownBudgets, *, owner: str, unknown: bool
) -> list[UsageError]:
    """Return the mistakes of a section ``budgets`` that :class:`Budgets` does not know.

    These are budgets of targets that do not exist, on unknown metrics, and limits on metrics of other
    packages' tasks that cannot be meant.

    Args:
        source: Content with the section, which need not fit the schema.
        targets: The existing targets.
        known: The metrics that can have a limit.
        owner: Name of what has the targets, for messages.
        unknown: Whether unknown metrics are mistakes.
    """
    errors = []
    section = source.data.get("budgets")
    for target, limits in section.items() if isinstance(section, dict) else ():
        where = source.locate(("budgets", target))
        if target != EVERY_TARGET and target not in targets:
            hint = f"its targets: {', '.join(targets)}"
            errors.append(UsageError(f"{where}: {target!r} is no target of {owner}", hint=hint))
        for name, limit in limits.items() if isinstance(limits, dict) else ():
            where, key = source.locate(("budgets", target, name)), f"budgets.{target}.{name}"
            if name in Budgets.model_fields:
                continue
            if name not in known:
                errors += [unknown_budget(where, key, known)] if unknown else []
            elif (mistake := known.mistake(name, limit)) is not None:
                errors.append(UsageError(f"{where}: {key}: {mistake}"))
    return errors


def unknown_budget(where: str, key: str, metrics: Iterable[str]) -> UsageError:
    """Return the error about a budget on an unknown metric.

    Args:
        where: File and line.
        key: The whole key, such as ``budgets.onnx-int8.sise``.
        metrics: The names of the known metrics.
    """
    metrics = sorted(metrics)
    hint = did_you_mean(key.rpartition(".")[2], metrics) or f"known keys here: {', '.join(metrics)}"
    return UsageError(f"{where}: unknown key {key!r}", hint=hint)
