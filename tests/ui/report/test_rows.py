from typing import Any

from edgecnn.core.documents.link import Link
from edgecnn.core.documents.npu import Estimate, NpuReport, Partition
from edgecnn.core.documents.run import ErrorReport, MadeTarget, TargetSummary
from edgecnn.ui.report.rows import ladder_table, metric_columns, row_in_words, target_table, warned, worth


def made(name: str, **changes: Any) -> MadeTarget:
    """A target's part of a run's summary."""
    link = Link(number=1, name="conversion", compared="a with b", metrics={"sqnr_db": 40.0}, limits={})
    usual: dict[str, Any] = {
        "target": name,
        "ships": True,
        "precision": "int8",
        "size_bytes": 1000,
        "metrics": None,
        "latency": None,
        "verification": [link],
    }
    return MadeTarget(**(usual | changes))


def failed(name: str) -> TargetSummary:
    """A target that was never made."""
    error = ErrorReport(error="WorkerError", message="it crashed", hint=None, exit_code=4)
    return TargetSummary(target=name, ships=False, error=error)


NPU = NpuReport.of(
    "vela",
    "5.2.0",
    Partition(total_ops=10, cpu_ops=0, cpu_operators=(), ops_coverage=0.985, macs_coverage=0.99, subgraphs=1),
    Estimate(accelerator="ethos-u55-128", configuration="", cycles=1234567, sram_bytes=98304),
    compiled_bytes=1000,
)


def test_npus_have_columns_only_where_there_is_one() -> None:
    columns, _ = target_table([made("tflite-int8")])
    assert not {"on NPU", "cycles", "SRAM"} & set(columns)
    columns, rows = target_table(
        [made("cpu"), made("npu", npu=NPU), made("micro", memory_bytes={"arena": 54321})]
    )
    cells = [dict(zip(columns, row, strict=True)) for row in rows]
    assert (cells[0]["on NPU"], cells[0]["SRAM"]) == ("", "")
    assert (cells[1]["on NPU"], cells[1]["cycles"]) == ("98.5 %", "1234567")
    assert cells[1]["SRAM"] == "98.3 kB"
    assert (cells[2]["cycles"], cells[2]["SRAM"]) == ("", "54.3 kB arena")


def test_a_target_that_was_never_made_has_a_verdict_and_nothing_else() -> None:
    columns, (row,) = target_table([failed("npu")])
    assert dict(zip(columns, row, strict=True)) == {
        column: {"target": "npu", "result": "not verified"}.get(column, "") for column in columns
    }


def test_a_row_in_words_names_each_figure_and_leaves_out_what_was_not_measured() -> None:
    assert row_in_words(made("tflite-int8")) == "tflite-int8 ships: precision int8, size 1 kB, SQNR 40 dB"
    assert row_in_words(failed("npu")) == "npu not verified"


def test_every_figure_of_other_hardware_is_called_what_it_is() -> None:
    lines = worth([made("cpu"), made("npu", npu=NPU, simulated_by="tosa"), failed("failed")])
    assert lines == [
        "npu: outputs are simulated by tosa, the NPU's figures are estimated by the compiler; "
        "no silicon was involved (vela 5.2.0)"
    ]


def test_a_simulator_without_an_npu_says_that_no_silicon_was_involved() -> None:
    assert worth([made("micro", simulated_by="tflite-micro")]) == [
        "micro: outputs are simulated by tflite-micro; no silicon was involved"
    ]


def test_tables_name_no_metric_of_another_task_where_none_was_measured() -> None:
    targets = [made("tflite-int8"), failed("npu")]
    assert metric_columns(targets) == ()
    assert target_table(targets)[0][:4] == ("target", "precision", "size", "drop")
    assert ladder_table(made("tflite-int8"))[0][:2] == ("rung", "metric")


def test_a_warning_about_the_answers_is_in_the_table_and_below_it() -> None:
    targets = [
        made("int8", warnings=("answers the same class for 4 of 4 images",)),
        made("fp32"),
        failed("npu"),
    ]
    assert warned(targets) == ["warning: int8 answers the same class for 4 of 4 images"]
    results = [row[-1] for row in target_table(targets)[1]]
    assert results == ["ships, with a warning", "ships", "not verified"]
