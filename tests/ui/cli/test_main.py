import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgecnn

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
VERBS = (
    *("run", "search", "export", "eval", "bench", "check", "compare", "count", "matrix", "inspect"),
    *("targets", "models", "doctor", "fetch"),
)


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
    "arguments", [("--help",), *((verb, "--help") for verb in VERBS), ("targets",), ("models",)]
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


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    text = edgecnn_command(verb, "--help").stdout
    assert f"edgecnn {verb}" in text.partition("Example")[2], f"`edgecnn {verb} --help` shows no example"
    if verb != "run":
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
    assert finished.stderr.splitlines() == [
        "error: unknown pipeline 'quickstrat'",
        "hint: did you mean 'quickstart'?",
    ]
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


def test_every_verb_is_a_function_too() -> None:
    for name in (
        "run",
        "export",
        "evaluate",
        "bench",
        "check",
        "compare",
        "count",
        "matrix",
        "accept_baseline",
    ):
        assert callable(getattr(edgecnn, name))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edgecnn.nonsense  # noqa: B018 - the access is what is tested
