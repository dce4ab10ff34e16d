"""Documents that are damaged, of another kind or of another version are refused in one line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.link import Bound, Link
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.npu import NpuReport
from edgecnn.core.documents.run import RunSummary
from edgecnn.core.errors import InputError
from edgecnn.core.store.manifest import Artifact

GOLDEN = Path(__file__).parent / "golden"
MANIFEST: dict[str, Any] = json.loads((GOLDEN / "manifest-ethos-u55-128.json").read_text(encoding="utf-8"))
SUMMARY: dict[str, Any] = json.loads((GOLDEN / "summary-run.json").read_text(encoding="utf-8"))
DOCUMENTS: list[tuple[type[Document], dict[str, Any]]] = [
    (Manifest, MANIFEST),
    (RunSummary, SUMMARY),
    (NpuReport, MANIFEST["npu"]),
    (Link, MANIFEST["verification"][0]),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(("kind", "data"), DOCUMENTS, ids=lambda part: getattr(part, "__name__", ""))
@settings(max_examples=60, deadline=None)
@given(choice=st.data())
def test_what_stands_in_a_field_is_read_or_refused_in_one_line(
    kind: type[Document], data: dict[str, Any], choice: st.DataObject
) -> None:
    changed = copy.deepcopy(data)
    changed[choice.draw(st.sampled_from(sorted(data)))] = choice.draw(JSON)
    message = _refusal(kind, changed)
    assert message is None or (message.startswith("file.json is no ") and "\n" not in message)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_other_json_is_refused(data: object) -> None:
    for kind, _ in DOCUMENTS:
        with pytest.raises(InputError):
            kind.from_json(data, "file.json")


@pytest.mark.parametrize(("kind", "data"), DOCUMENTS, ids=lambda part: getattr(part, "__name__", ""))
def test_an_unknown_field_is_named(kind: type[Document], data: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"file\.json is no .*: unknown key 'newer'"):
        kind.from_json({**data, "newer": 1}, "file.json")


def test_a_missing_field_is_named() -> None:
    data = {name: value for name, value in MANIFEST.items() if name != "target"}
    with pytest.raises(InputError, match="target is missing"):
        Manifest.from_json(data)


@pytest.mark.parametrize("bound", [{}, {"at_least": 1.0, "at_most": 2.0}])
def test_a_bound_has_one_side(bound: dict[str, float]) -> None:
    with pytest.raises(InputError, match="either at_least or at_most"):
        Bound.from_json(bound)


def test_a_link_whose_limit_was_not_measured_is_refused() -> None:
    data = {**MANIFEST["verification"][0], "limits": {"speed": {"at_least": 1.0}}}
    with pytest.raises(InputError, match="there is a limit on 'speed', which was not measured"):
        Link.from_json(data)


def test_what_a_file_claims_of_itself_is_computed_again() -> None:
    link = MANIFEST["verification"][0]
    assert not Link.from_json({**link, "passed": True, "limits": {"sqnr_db": {"at_least": 1e9}}}).passed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 2}, "has schema 2; this version reads 1"),
        ({"measured": {"size": "large"}}, "is not a manifest: measured.size"),
        ({"newer": 1}, "is not a manifest: unknown key 'newer'"),
    ],
)
def test_an_artifact_names_what_is_wrong_with_its_manifest(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST | change))
    with pytest.raises(InputError, match=said) as caught:
        Artifact.open(tmp_path)
    assert "\n" not in caught.value.message


def _refusal(kind: type[Document], data: dict[str, Any]) -> str | None:
    """Return what is said of data that cannot be read; None where it can."""
    try:
        kind.from_json(data, "file.json")
    except InputError as error:
        return error.message
    return None
