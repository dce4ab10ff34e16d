"""The keys of the JSON that verbs print: scripts of users read them, so none may go or change its name."""

import pytest

from edgecnn.core.documents.accuracy import EvalResult
from edgecnn.core.documents.baseline import Accepted
from edgecnn.core.documents.check import CheckResult, CheckRow
from edgecnn.core.documents.compare import CompareResult, RunChange
from edgecnn.core.documents.document import Document
from edgecnn.core.documents.latency import BenchResult, BenchRow
from edgecnn.core.documents.listing import (
    CountResult,
    Fetched,
    Finding,
    Instructions,
    ModelRow,
    TargetRow,
    ToolchainRow,
)
from edgecnn.core.documents.package import PackagedFile, PackageResult, SelfTestReport, VerifyResult
from edgecnn.core.documents.run import RunSummary, StepSummary, TargetSummary
from edgecnn.pipeline.matrix import MatrixResult, MatrixRow

KEYS: dict[type[Document], str] = {
    Accepted: "file name artifacts",
    BenchResult: "rows host",
    BenchRow: "artifact target threads latency compared",
    CheckResult: "path passed results host note",
    CheckRow: "target kind check verdict measured before limit note passed",
    CompareResult: "first second changes",
    CountResult: "artifact target counts",
    EvalResult: "artifact target metric value values n seconds images_per_second data fp32 simulated_by "
    "isa_note warnings drawn",
    Fetched: "name path size_bytes",
    Finding: "what ok found remedy",
    Instructions: "device median least most tool",
    MatrixResult: "artifact rows host",
    MatrixRow: "runtime error max_abs agreement accuracy latency verdict",
    ModelRow: "name input licence weights description",
    PackagedFile: "path bytes sha256",
    PackageResult: "name version platform target files folders self_test",
    RunChange: "target kind name before after",
    RunSummary: "name directory edgecnn seconds reused training pruning targets steps host",
    SelfTestReport: "passed pictures runtime preprocessing_equal reference_equal largest_difference "
    "bit_identical same_best problems compared",
    StepSummary: "id status key seconds costs",
    TargetRow: "name format precision runtime isa description",
    TargetSummary: "target ships artifact error",
    ToolchainRow: "name package version state differences licence path description",
    VerifyResult: "path name version platform members signed self_test self_test_code",
}


@pytest.mark.parametrize("kind", KEYS, ids=lambda kind: kind.__name__)
def test_the_keys_of_a_result_stay(kind: type[Document]) -> None:
    fields = {field.alias or name for name, field in kind.model_fields.items() if not field.exclude}
    assert fields | set(kind.model_computed_fields) == set(KEYS[kind].split())
