from pathlib import Path

import pytest

from edgecnn.core.errors import MissingDependency, UsageError
from edgecnn.core.toolchains.environment import COMPLETE, Environment, require


def fake(home: Path, name: str, **changes: str) -> Environment:
    """Make an environment of empty packages, as a toolchain's file pins them but for ``changes``."""
    environment = Environment.of(name)
    site = environment.directory / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    for package, pinned in environment.toolchain.requirements.items():
        version = changes.get(package.replace("-", "_"), pinned)
        info = site / f"{package.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    environment.python.parent.mkdir()
    environment.python.touch()
    (environment.directory / COMPLETE).touch()
    return environment


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    return tmp_path


def test_a_missing_toolchain_is_exit_code_5_with_the_command() -> None:
    with pytest.raises(MissingDependency, match="toolchain 'vela' is not installed") as caught:
        require("vela")
    assert caught.value.exit_code == 5
    assert caught.value.hint == "edgecnn toolchain install vela"


def test_what_is_installed_as_pinned_is_taken(home: Path) -> None:
    fake(home, "vela")
    assert require("vela").differences() == []


def test_another_version_is_refused_and_named(home: Path) -> None:
    fake(home, "vela", ethos_u_vela="4.0.0")
    with pytest.raises(MissingDependency, match=r"ethos-u-vela is 4\.0\.0, not 5") as caught:
        require("vela")
    assert caught.value.hint == "edgecnn toolchain install vela"


def test_an_installation_that_was_killed_does_not_count(home: Path) -> None:
    environment = fake(home, "vela")
    (environment.directory / COMPLETE).unlink()
    with pytest.raises(MissingDependency, match="is not installed"):
        require("vela")


def test_an_unknown_toolchain_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="unknown toolchain"):
        require("no-such-tool")
