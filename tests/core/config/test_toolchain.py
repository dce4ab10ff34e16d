from pathlib import Path

import pytest

from edgecnn.core.config import paths
from edgecnn.core.config.target import target_names
from edgecnn.core.config.toolchain import load_toolchain, toolchain_names
from edgecnn.core.errors import UsageError


def test_every_toolchain_pins_its_tool() -> None:
    assert {"vela", "tosa", "tflm"} <= set(toolchain_names())
    for name in toolchain_names():
        toolchain = load_toolchain(name)
        assert toolchain.name == name
        assert toolchain.version == toolchain.requirements[toolchain.package]
        assert toolchain.licence


def test_toolchains_are_no_targets() -> None:
    assert not set(toolchain_names()) & set(target_names())


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown toolchain 'vella'") as caught:
        load_toolchain("vella")
    assert caught.value.hint == "did you mean 'vela'?"


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("{tool: '>=1.0'}", "'>=1.0' is not an exact version"),
        ("{tool: '1.0 --index-url x'}", "is not an exact version"),
        ("{tool: '1.0', '-r evil': '1'}", "'-r evil' is not a package name"),
        ("{other: '1.0'}", "package 'tool' is not among the requirements"),
    ],
)
def test_only_exact_pins_are_taken(
    requirements: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"description: x\nlicence: MIT\npackage: tool\nrequirements: {requirements}\n"
    (tmp_path / "bad.yaml").write_text(text)
    monkeypatch.setattr(paths, "builtin_dir", lambda _: tmp_path)
    with pytest.raises(UsageError, match=message.replace(">", r"\>")):
        load_toolchain("bad")


def test_a_folder_of_the_users_adds_no_toolchains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only edgecnn's own toolchains are installed, never those of the current directory."""
    folder = tmp_path / "targets" / "toolchains"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("description: x\n")
    monkeypatch.chdir(tmp_path)
    assert "mine" not in toolchain_names()
