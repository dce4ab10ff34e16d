import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

import edgecnn
from edgecnn.ui.cli.main import app, main
from edgecnn.ui.cli.reporter import BEFORE_THE_STEPS

HEAVY = {
    "optuna",
    "torch",
    "torchvision",
    "timm",
    "tensorflow",
    "nncf",
    "openvino",
    "onnxruntime",
    "onnx",
    "litert_torch",
}
OTHERWISE_CALLED = {
    ("eval",): "evaluate",
    ("targets",): "list_targets",
    ("models",): "list_models",
    ("toolchain", "list"): "list_toolchains",
}
"""Functions whose name does not follow from the words of their verb."""


def verbs_of(group: TyperGroup, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every verb below a group, such as ``("baseline", "accept")``."""
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        words = (*before, name)
        found += verbs_of(command, words) if isinstance(command, TyperGroup) else [words]
    return found


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, TyperGroup)
VERBS = verbs_of(ROOT)


def edgecnn_command(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "edgecnn.ui.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=120,
    )


@pytest.mark.parametrize(
    "arguments",
    [("--help",), *((*verb, "--help") for verb in VERBS), ("targets",), ("models",)],
    ids=" ".join,
)
def test_the_prompt_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys, edgecnn.ui.cli.main as main\n"
        f"sys.argv = ['edgecnn', *{list(arguments)!r}]\n"
        "try:\n    main.main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('HEAVY', sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "HEAVY []", (
        f"{arguments} imports {finished.stdout.splitlines()[-1]}"
    )


def test_ctrl_c_while_the_command_line_is_imported_is_one_line() -> None:
    code = (
        "import runpy, signal, sys, typing\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'edgecnn.ui.cli.search': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "runpy.run_module('edgecnn', run_name='__main__')\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (130, "stopped\n")


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example(verb: tuple[str, ...]) -> None:
    words = " ".join(verb)
    text = CliRunner().invoke(app, [*verb, "--help"]).stdout
    assert f"edgecnn {words}" in text.partition("Example")[2], f"`edgecnn {words} --help` shows no example"
    if verb not in {("run",), ("toolchain", "remove")}:
        assert "--json" in text


def test_the_version_is_printed() -> None:
    assert edgecnn_command("--version").stdout.strip() == edgecnn.__version__


@pytest.mark.parametrize("verb", ["targets", "models", "doctor"])
def test_listings_are_one_json_document(verb: str) -> None:
    finished = edgecnn_command(verb, "--json")
    assert finished.returncode == 0
    assert isinstance(json.loads(finished.stdout), dict)


def test_an_error_is_one_line_a_hint_and_its_exit_code(tmp_path: Path) -> None:
    finished = edgecnn_command("run", "quickstrat", cwd=tmp_path)
    assert finished.returncode == 2
    # On a busy machine the command takes longer than the second after which this line says what it does.
    lines = [line for line in finished.stderr.splitlines() if line != f"{BEFORE_THE_STEPS} ..."]
    assert lines == ["error: unknown pipeline 'quickstrat'", "hint: did you mean 'quickstart'?"]
    assert finished.stdout == ""


def test_with_json_an_error_is_a_document_too(tmp_path: Path) -> None:
    finished = edgecnn_command("check", str(tmp_path), "--json")
    assert finished.returncode == 2
    document = json.loads(finished.stdout)
    assert document["exit_code"] == 2
    assert "neither a run nor an artifact" in document["message"]


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    finished = edgecnn_command("--debug", "run", "quickstrat", cwd=tmp_path)
    assert "Traceback" in finished.stderr


def test_a_size_of_images_is_height_and_width(tmp_path: Path) -> None:
    finished = edgecnn_command("export", "net.onnx", "-t", "onnx-int8", "--input", "224", cwd=tmp_path)
    assert finished.returncode == 2
    assert "--input '224' is no size" in finished.stderr
    assert "HEIGHTxWIDTH in pixels, such as 480x640" in finished.stderr


def test_every_verb_is_a_function_too() -> None:
    wanted = {OTHERWISE_CALLED.get(verb, "_".join(reversed(verb))) for verb in VERBS}
    wanted.add("review_baseline")  # `baseline accept --dry-run`
    assert wanted == {name for name in dir(edgecnn) if name not in vars(edgecnn)}
    for name in wanted:
        assert callable(getattr(edgecnn, name)), f"edgecnn.{name} is no function"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edgecnn.nonsense  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "run", "--baseline", "{}"),
        ("compare", "{}", "{}"),
        ("inspect", "{}"),
        ("baseline", "accept", "{}"),
        ("package", "{}", "--for", "raspberry-pi"),
        ("eval", "{}", "--data", "photos"),
        ("bench", "{}"),
        ("count", "{}"),
        ("export", "zoo:mobilenetv2", "--target", "onnx-fp32", "--data", "{}"),
        ("export", "zoo:mobilenetv2", "--target", "{}.yaml"),
        ("export", "{}.onnx", "--target", "onnx-fp32"),
        ("run", "{}.yaml"),
        ("verify", "{}"),
    ],
    ids=" ".join,
)
def test_a_name_longer_than_file_systems_allow_is_one_line(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["edgecnn", *(word.replace("{}", "n" * 300) for word in arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
