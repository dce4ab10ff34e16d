from pathlib import Path

import pytest

from edgecnn.core.config.budget_file import load_budgets
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.errors import UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "budgets.yaml"
    path.write_text(text)
    return path


def test_a_targets_own_limits_lie_over_those_of_every_target(tmp_path: Path) -> None:
    file = write(tmp_path, 'budgets:\n  "*": {size: 1 MB, accuracy: 90 %}\n  tflite-int8: {size: 10 kB}\n')
    found = load_budgets(file, ["tflite-int8", "onnx-int8"], BUDGETS)
    assert found.of("tflite-int8").given() == {"size": 10_000, "accuracy": 0.9}
    assert found.of("onnx-int8").given() == {"size": 1_000_000, "accuracy": 0.9}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{size: 12 ms}", "unit 'ms' is not one of B, kB"),
        ("{latency: {AMD EPYC: 12 kB}}", "unit 'kB' is not one of us"),
        ("{latency: 12 ms}", "latency"),
        ("{accuracy_drop: 1 kB}", "is not a fraction"),
        ("{cycles: many}", "cycles"),
        ("{sise: 1 kB}", "unknown key"),
        ("{instructions: {raspberry-pi-9: 1}}", "raspberry-pi-9"),
        ("{size: -1}", "not negative"),
        ("{size: 3}", "did you mean 3 MB"),
        ("{accuracy: 79}", "did you mean 79 %"),
        ("{accuracy_drop: 1}", "did you mean 1 %"),
    ],
)
def test_a_wrong_unit_or_key_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    file = write(tmp_path, f"budgets:\n  tflite-int8: {line}\n")
    with pytest.raises(UsageError, match=said) as caught:
        load_budgets(file, ["tflite-int8"], BUDGETS)
    assert "budgets.yaml:2" in caught.value.message


def test_a_limit_for_a_target_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'tflite-int7' is no target of this run"):
        load_budgets(write(tmp_path, "budgets: {tflite-int7: {size: 1 B}}\n"), ["tflite-int8"], BUDGETS)


def test_every_mistake_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "budgets:\n"
        '  "*":\n'
        "    accuracy: 79\n"
        "    size: 3\n"
        "  tflite-int8: {sise: 1 kB, accuracy_drop: 1}\n"
        "  tflite-int7: {size: 1 kB}\n",
    )
    with pytest.raises(UsageError) as caught:
        load_budgets(file, ["tflite-int8"], BUDGETS)
    lines = caught.value.message.splitlines()
    assert sorted(line.partition("budgets.yaml:")[2].partition(": ")[0] for line in lines) == [
        "3",
        "4",
        "5",
        "5",
        "6",
    ]
    assert "did you mean 'size'?" in caught.value.message
