from __future__ import annotations

import pytest

from edgecnn.core.errors import UsageError
from edgecnn.packaging.naming import EPOCH, java_package, module_name, package_version, source_date_epoch


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../evil",
        "a/b",
        "a\\b",
        "/etc",
        "1st",
        "class",
        "json",
        "numpy",
        "pip",
        "sitecustomize",
        "edgecnn",
        "x" * 65,
        "ü",
        "a b",
    ],
)
def test_names_that_would_break_something(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        module_name(name)


@pytest.mark.parametrize("version", ["", "1.0/..", "latest", "1.2.3.4.5", "1.0-beta", "1.0\n"])
def test_versions_that_tools_would_order_differently(version: str) -> None:
    with pytest.raises(UsageError, match="no version"):
        package_version(version)


@pytest.mark.parametrize("name", ["birds", "com..birds", "com.example.new", "com.Example.birds", "../a.b"])
def test_java_packages_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="no Java package"):
        java_package(name)


def test_source_date_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert source_date_epoch() == EPOCH
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert source_date_epoch() == 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "5")
    assert source_date_epoch() == EPOCH, "a zip file cannot tell an earlier moment"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="'yesterday'"):
        source_date_epoch()
