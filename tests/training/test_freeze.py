from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgecnn.core.config.training import TransferSettings
from edgecnn.core.errors import UsageError
from edgecnn.training.freeze import check_prefixes, set_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


def trained(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def test_progressive_unfreezing(build: Callable[..., nn.Module]) -> None:
    network = build()
    transfer = TransferSettings(frozen=("0", "1"), unfreeze={1: ("1.0",), 3: ("0", "1")})
    expected = {
        0: {"5.weight", "5.bias"},
        1: {"5.weight", "5.bias", "1.0.weight"},
        2: {"5.weight", "5.bias", "1.0.weight"},
        3: {name for name, _ in network.named_parameters()},
    }
    for epoch, names in expected.items():
        set_mode(network, transfer, epoch)
        assert trained(network) == names, f"epoch {epoch}"


def test_frozen_stages_keep_their_statistics(build: Callable[..., nn.Module]) -> None:
    network = build()
    set_mode(network, TransferSettings(frozen=("0",), unfreeze={2: ("0",)}), 0)
    norms = [network.get_submodule(name) for name in ("0.1", "1.1", "4")]
    assert [norm.training for norm in norms] == [False, True, True]
    set_mode(network, TransferSettings(frozen=("0",), unfreeze={2: ("0",)}), 2)
    assert norms[0].training


def test_frozen_batch_norm(build: Callable[..., nn.Module]) -> None:
    network = build()
    set_mode(network, TransferSettings(freeze_batch_norm=True), 0)
    assert trained(network) == {"0.0.weight", "1.0.weight", "5.weight", "5.bias"}
    assert not network.get_submodule("1.1").training


def test_a_prefix_is_whole_names_not_letters(build: Callable[..., nn.Module]) -> None:
    with pytest.raises(UsageError, match=r"begins with '0\.0\.wei'"):
        check_prefixes(build(), TransferSettings(frozen=("0.0.wei",)))


def test_unknown_prefix_gets_a_hint(build: Callable[..., nn.Module]) -> None:
    with pytest.raises(UsageError, match="begins with 'features'") as raised:
        check_prefixes(build(), TransferSettings(frozen=("0",), unfreeze={1: ("features",)}))
    assert raised.value.hint == "it has 0, 1, 5, ..."


def test_nothing_left_to_train(build: Callable[..., nn.Module]) -> None:
    with pytest.raises(UsageError, match="freezes the whole network"):
        check_prefixes(build(), TransferSettings(frozen=("0", "1", "5")))
