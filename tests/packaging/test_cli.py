"""The verbs as the command line has them: what they print, and the exit codes of what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgecnn.core.documents.package import PackageResult
from edgecnn.core.errors import InputError, UsageError
from edgecnn.ui.cli.main import app

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))


def test_package_and_verify_print_what_they_found(tiny_run: Path, tmp_path: Path) -> None:
    arguments = [
        "package",
        str(tiny_run),
        "--for",
        "raspberry-pi",
        "--out",
        str(tmp_path),
        "--name",
        "my-net",
    ]
    made = RUNNER.invoke(app, [*arguments, "--version", "2.1", "--licence", "CC-BY-4.0", "--json"])
    assert made.exit_code == 0, made.output
    document = json.loads(made.stdout)
    assert document["target"] == "tflite-int8"
    assert document["self_test"]["passed"]
    wheel = document["files"][0]["path"]
    assert Path(wheel).name == "my_net-2.1-py3-none-any.whl"
    found = RUNNER.invoke(app, ["verify", wheel, "--no-self-test"])
    assert "my_net 2.1 for raspberry-pi" in found.output
    assert "signature not checked" in found.output


def test_packages_are_written_to_a_folder_below_the_working_directory_by_default(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = RUNNER.invoke(app, ["package", str(tiny_run), "--for", "raspberry-pi", "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["self_test"]["passed"]
    assert sorted(path.name for path in (tmp_path / "packages").iterdir()) == [
        "tiny-1.0.0-py3-none-any.whl",
        "tiny-1.0.0-raspberry-pi.tar.gz",
    ]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--name", "../../evil"], UsageError, "cannot be a package's name"),
        (["--version", "1/2"], UsageError, "no version"),
        (["--licence", "<b>"], UsageError, "no licence"),
        (["--licence", " "], UsageError, "no licence"),
        (["--licence", "-rf"], UsageError, "no licence"),
        (["--data-licence", "-"], UsageError, "no licence"),
        (["--java-package", "a"], UsageError, "no Java package"),
        (["--target", "../x"], InputError, "no target"),
        (["--out", "/proc/none"], InputError, "/proc/none cannot be written"),
    ],
)
def test_what_cannot_be_packaged(
    tiny_run: Path, options: list[str], error: type[Exception], words: str
) -> None:
    found = RUNNER.invoke(app, ["package", str(tiny_run), "--for", "raspberry-pi", *options])
    assert isinstance(found.exception, error)
    assert words in str(found.exception)


def test_help_shows_examples(raspberry: PackageResult) -> None:
    for verb in ("package", "verify"):
        assert f"edgecnn {verb}" in RUNNER.invoke(app, [verb, "--help"]).output
