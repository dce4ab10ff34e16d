"""What pruning took from a network and what it cost: the same table in the terminal and in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.documents.metric import find_metric

if TYPE_CHECKING:
    from edgecnn.core.documents.pruning import PruningReport, SensitivityCurves

_NETWORKS = {
    "unpruned": "before pruning",
    "pruned": "after pruning",
    "finetuned": "after training on",
    "control": "control: unpruned, trained on as long",
}


def pruning_table(pruning: PruningReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of the networks on the way."""
    accuracy = pruning.accuracy
    shown = [name for name in _NETWORKS if not accuracy or name in accuracy]
    if not accuracy:
        shown = ["unpruned", "pruned"]
    columns = ("network", "MACs", "of all", "parameters", "of all")
    rows = [(_NETWORKS[name], *_costs(pruning, whole=name in ("unpruned", "control"))) for name in shown]
    if not accuracy:
        return columns, rows
    agreement = pruning.agreement
    measured = [
        (*row, *(f"{100 * values[name]:.2f} %" for values in (accuracy, agreement) if values))
        for name, row in zip(shown, rows, strict=True)
    ]
    names = (find_metric(pruning.metric).label, *(("agreement",) if agreement else ()))
    return (*columns, *names), measured


def _costs(pruning: PruningReport, *, whole: bool) -> tuple[str, ...]:
    cells = []
    for cost in (pruning.macs, pruning.params):
        count = cost.before if whole else cost.after
        cells += [_count(count), f"{100 * count / cost.before:.1f} %"]
    return tuple(cells)


def _count(count: float) -> str:
    """Return a count as people write it.

    >>> _count(884_704), _count(300_000_000)
    ('885 k', '300 M')
    """
    value, unit = (count / 1e6, "M") if count >= 1e6 else (count / 1e3, "k")
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def pruning_line(pruning: PruningReport) -> str:
    """Say in a line how the network was pruned."""
    ((goal, value),) = pruning.goal.items()
    asked = ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else value
    steps = "1 step" if pruning.steps == 1 else f"{pruning.steps} steps"
    return (
        f"Pruned to {goal} {asked} by importance {pruning.importance}, {pruning.scope}, "
        f"in multiples of {pruning.multiple}, in {steps}; trained for {pruning.epochs} epochs."
    )


def groups_table(pruning: PruningReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of the channels of every group of layers, before and after."""
    rows: list[tuple[str, ...]] = [
        (group.name, str(group.before), str(group.after)) for group in pruning.groups
    ]
    return ("layers of", "channels", "kept"), rows


def sensitivity_table(curves: SensitivityCurves) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and cells of accuracy against the pruned share, the most sensitive group first."""
    groups = sorted(curves.groups, key=lambda group: sum(group.accuracy))
    shares = groups[0].shares
    columns = ("layers of", "channels", "none", *(f"-{100 * share:.0f} %" for share in shares))
    whole = f"{100 * curves.whole:.1f} %"
    return columns, [
        (
            group.name,
            str(group.channels),
            whole,
            *(f"{100 * accuracy:.1f} %" for accuracy in group.accuracy),
        )
        for group in groups
    ]
