"""Transfer learning: the choice of parameters that train in each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from edgecnn.core.errors import UsageError
from edgecnn.core.text import did_you_mean

if TYPE_CHECKING:
    from edgecnn.core.config.training import TransferSettings

_NORMALIZATION = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def set_mode(module: nn.Module, transfer: TransferSettings, epoch: int) -> None:
    """Put a network into training mode for an epoch and freeze the parts that do not train.

    A batch normalization layer with frozen parameters also keeps its running statistics; otherwise a frozen
    feature extractor would still change with the new data.

    Args:
        module: The network; ``requires_grad`` of every parameter is set.
        transfer: The parts that are frozen, and the epoch from which they train.
        epoch: The epoch that begins, from 0.
    """
    thawed = tuple(prefix for start, names in transfer.unfreeze.items() if epoch >= start for prefix in names)
    module.train()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(not _matches(name, transfer.frozen) or _matches(name, thawed))
    for layer in module.modules():
        if isinstance(layer, _NORMALIZATION):
            if transfer.freeze_batch_norm:
                for parameter in layer.parameters():
                    parameter.requires_grad = False
            if transfer.freeze_batch_norm or _is_frozen(layer):
                layer.eval()


def check_prefixes(module: nn.Module, transfer: TransferSettings) -> None:
    """Check that every prefix names a part of the network and that some parameters are left to train.

    Raises:
        UsageError: A prefix matches no parameter, or the whole network is frozen in every epoch.
    """
    names = [name for name, _ in module.named_parameters()]
    thawed = [prefix for prefixes in transfer.unfreeze.values() for prefix in prefixes]
    for prefix in (*transfer.frozen, *thawed):
        if not any(_matches(name, (prefix,)) for name in names):
            tops = sorted({".".join(name.split(".")[: prefix.count(".") + 1]) for name in names})
            raise UsageError(
                f"train.transfer: no parameter of the network begins with {prefix!r}",
                hint=did_you_mean(prefix, tops, most=3) or f"it has {', '.join(tops[:3])}, ...",
            )
    if all(_matches(name, transfer.frozen) for name in names):
        raise UsageError("train.transfer.frozen freezes the whole network")


def _matches(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _is_frozen(layer: nn.Module) -> bool:
    parameters = list(layer.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
