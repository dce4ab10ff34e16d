from __future__ import annotations

import contextlib
import io
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgecnn.core.errors import InputError
from edgecnn.models.weights import adapt_weights, load_weights, read_pickle, read_weights

if TYPE_CHECKING:
    from pathlib import Path


def _network(channels: int = 3, classes: int = 2) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


def _pickled(*, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(_network().state_dict(), buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


ZIPPED, LEGACY = _pickled(zipped=True), _pickled(zipped=False)


class _RunsACommand:
    """An object that an attacker could put into a pickle."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model": s, "epoch": 3}]
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_reads_what_training_scripts_write(wrap: Any, prefix: str, tmp_path: Path) -> None:
    state = _network().state_dict()
    torch.save(wrap({prefix + key: value for key, value in state.items()}), tmp_path / "w.pth")
    read = read_weights(tmp_path / "w.pth")
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)


def test_reads_safetensors(tmp_path: Path) -> None:
    state = _network().state_dict()
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    assert read_weights(tmp_path / "w.safetensors").keys() == state.keys()


@pytest.mark.parametrize("plain_pickle", [True, False])
def test_a_malicious_pickle_is_refused_and_does_not_run(plain_pickle: bool, tmp_path: Path) -> None:
    mark, file = tmp_path / "ran", tmp_path / "evil.pth"
    if plain_pickle:
        file.write_bytes(pickle.dumps({"weight": _RunsACommand(mark)}))
    else:
        torch.save({"weight": _RunsACommand(mark)}, file)
    with pytest.raises(InputError, match=r"evil\.pth was refused") as caught:
        read_weights(file)
    assert caught.value.exit_code == 2
    assert not mark.exists(), "the pickle ran its command"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "does not hold a state dictionary but a list"),
        ({}, "does not hold a state dictionary"),
        ({"a": 1}, "holds 'a', a int"),
        ({1: torch.zeros(1)}, "holds 1, a Tensor"),
    ],
)
def test_anything_but_named_tensors_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(InputError, match=message):
        read_weights(tmp_path / "w.pth")


def test_missing_foreign_and_truncated_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no weight file"):
        read_weights(tmp_path / "none.safetensors")
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match="not a weight file by its name"):
        read_weights(tmp_path / "w.onnx")
    safetensors.torch.save_file(_network().state_dict(), tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    for size in (0, 4, 20, len(whole) - 1):
        (tmp_path / "cut.safetensors").write_bytes(whole[:size])
        with pytest.raises(InputError, match="not a whole safetensors file"):
            read_weights(tmp_path / "cut.safetensors")


@settings(max_examples=200)
@given(st.sampled_from([ZIPPED, LEGACY]), st.data())
def test_a_damaged_pickle_is_read_or_refused_but_never_crashes(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        read_pickle(io.BytesIO(bytes(damaged)), "damaged.pth")


def test_load_names_the_first_keys_that_do_not_fit() -> None:
    state = _network(classes=5).state_dict()
    state["extra"] = torch.zeros(1)
    del state["0.bias"]
    with pytest.raises(InputError) as caught:
        load_weights(_network(), state, "w.pth")
    assert caught.value.message == (
        "w.pth does not fit Sequential: 0.bias is missing; extra is not in the network; "
        "3.weight has shape [5, 4], the network [2, 4] and 1 more"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_load_refuses_values_that_are_not_finite(value: float) -> None:
    state = _network().state_dict()
    state["0.weight"][0, 0, 0, 0] = value
    with pytest.raises(InputError, match=r"0\.weight holds a value that is not finite"):
        load_weights(_network(), state, "w.pth")


def test_half_precision_weights_load_into_float32() -> None:
    module, state = _network(), {key: value.half() for key, value in _network().state_dict().items()}
    load_weights(module, state, "w.pth")
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_adapt_sums_the_stem_for_gray_images() -> None:
    color, gray = _network(3).eval(), _network(1).eval()
    adapted, trained = adapt_weights(gray, color.state_dict(), keep_classifier=True)
    load_weights(gray, adapted, "w")
    image = torch.randn(1, 1, 8, 8)
    assert trained
    with torch.inference_mode():
        torch.testing.assert_close(gray(image), color(image.expand(1, 3, 8, 8)))


@pytest.mark.parametrize(
    ("classes", "keep", "trained"), [(2, True, True), (2, False, False), (7, True, False)]
)
def test_adapt_keeps_or_replaces_the_classifier(classes: int, keep: bool, trained: bool) -> None:
    module, state = _network(classes=classes), _network(classes=2).state_dict()
    own = module.state_dict()["3.weight"].clone()
    adapted, is_trained = adapt_weights(module, state, keep_classifier=keep)
    assert is_trained is trained
    assert torch.equal(adapted["3.weight"], state["3.weight"] if trained else own)
    assert torch.equal(adapted["0.weight"], state["0.weight"])
