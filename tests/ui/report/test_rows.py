from typing import Any

from edgecnn.ui.report.rows import target_table, worth


def made(name: str, **changes: Any) -> dict[str, Any]:
    """A target's part of a run's summary."""
    return {
        "target": name,
        "ships": True,
        "error": None,
        "precision": "int8",
        "size_bytes": 1000,
        "metrics": {},
        "latency": {},
        "verification": [{"metrics": {"sqnr_db": 40.0}}],
        "npu": {},
        "memory_bytes": {},
        "simulated_by": None,
        **changes,
    }


NPU = {
    "npu_coverage": 0.985,
    "cycles": 1234567,
    "sram_bytes": 98304,
    "figures": "estimated by the compiler; no silicon was involved",
    "compiler": "vela",
    "version": "5.2.0",
}


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
    failed = {"target": "npu", "ships": False, "error": {"exit_code": 4}}
    columns, (row,) = target_table([failed])
    assert dict(zip(columns, row, strict=True)) == {
        column: {"target": "npu", "result": "not verified"}.get(column, "") for column in columns
    }


def test_every_figure_of_other_hardware_is_called_what_it_is() -> None:
    lines = worth([made("cpu"), made("npu", npu=NPU, simulated_by="tosa"), {"target": "failed"}])
    assert lines == [
        "npu: outputs are simulated by tosa, the NPU's figures are estimated by the compiler; "
        "no silicon was involved (vela 5.2.0)"
    ]
