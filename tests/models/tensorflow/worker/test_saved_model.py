"""The choice among the signatures of a SavedModel."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.tensorflow.worker.saved_model import choose

FOLDER = Path("net")


def test_the_only_signature_and_the_one_of_an_export_need_no_name() -> None:
    assert choose(["only"], None, FOLDER) == "only"
    assert choose(["serve", "serving_default"], None, FOLDER) == "serving_default"
    assert choose(["a", "b"], "b", FOLDER) == "b"


def test_none_several_and_unknown_ones_are_one_line() -> None:
    with pytest.raises(InputError, match="has no signature"):
        choose([], None, FOLDER)
    with pytest.raises(UsageError, match="has 2 signatures: detect, embed"):
        choose(["embed", "detect"], None, FOLDER)
    with pytest.raises(UsageError, match="no signature 'detct'; it has detect, embed") as found:
        choose(["embed", "detect"], "detct", FOLDER)
    assert found.value.hint == "did you mean 'detect'?"
