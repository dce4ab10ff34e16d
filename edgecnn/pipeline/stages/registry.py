"""Every stage by its name, so that a step can be read from a file.

If several stages have one name, the parameters decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from pydantic import ValidationError

from edgecnn.core.documents.arguments import from_plain
from edgecnn.core.documents.document import reason
from edgecnn.core.errors import InputError
from edgecnn.pipeline.stages.base import P, Stage
from edgecnn.pipeline.stages.benchmark import BenchmarkParameters, benchmark_stage
from edgecnn.pipeline.stages.calibrate import CALIBRATE, PROBE, SelectParameters
from edgecnn.pipeline.stages.compile import CompileParameters, compile_stage
from edgecnn.pipeline.stages.count import COUNT, CountParameters
from edgecnn.pipeline.stages.evaluate import EvaluateParameters, evaluate_stage
from edgecnn.pipeline.stages.finetune import FINETUNE, FinetuneParameters
from edgecnn.pipeline.stages.imported import ImportedParameters, imported_stage
from edgecnn.pipeline.stages.lower import LowerParameters, lower_stage
from edgecnn.pipeline.stages.network import CONTRACT, ContractParameters, NetworkParameters, network_stage
from edgecnn.pipeline.stages.prepare import PREPARE, PrepareParameters
from edgecnn.pipeline.stages.prune import PRUNE, PRUNE_SENSITIVITY, PruneParameters
from edgecnn.pipeline.stages.prune import SensitivityParameters as PruneSensitivityParameters
from edgecnn.pipeline.stages.prune_measured import MeasuredParameters, measured_stage
from edgecnn.pipeline.stages.pruned import PRUNED, PrunedParameters
from edgecnn.pipeline.stages.qat import CONTROL, QAT, QatParameters
from edgecnn.pipeline.stages.quantize import (
    InspectParameters,
    QuantizeParameters,
    inspect_stage,
    quantize_stage,
)
from edgecnn.pipeline.stages.recover import EQUALIZE, ROUND, SENSITIVITY
from edgecnn.pipeline.stages.reference import REFERENCE, ReferenceParameters
from edgecnn.pipeline.stages.train import TRAIN, TrainParameters
from edgecnn.pipeline.stages.verify import VerifyParameters, verify_stage
from edgecnn.quantization.requests import EqualizeParameters, LayerSensitivityParameters, RoundParameters

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class StageKind(Generic[P]):
    """The stages of one name.

    Attributes:
        parameters: Class of the parameters that they take.
        choose: Returns the stage that takes these parameters.
    """

    parameters: type[P]
    choose: Callable[[P], Stage[P]]


def _one(stage: Stage[P], parameters: type[P]) -> StageKind[P]:
    return StageKind(parameters, lambda _: stage)


KINDS: dict[str, StageKind[Any]] = {
    "network": StageKind(NetworkParameters, lambda given: network_stage(given.reference)),
    "imported": StageKind(ImportedParameters, lambda given: imported_stage(given.reference)),
    "contract": _one(CONTRACT, ContractParameters),
    "prepare": _one(PREPARE, PrepareParameters),
    "calibration": _one(CALIBRATE, SelectParameters),
    "probe": _one(PROBE, SelectParameters),
    "train": _one(TRAIN, TrainParameters),
    "prune": _one(PRUNE, PruneParameters),
    "prune-sensitivity": _one(PRUNE_SENSITIVITY, PruneSensitivityParameters),
    "prune-measured": StageKind(MeasuredParameters, measured_stage),
    "finetune": _one(FINETUNE, FinetuneParameters),
    "pruned": _one(PRUNED, PrunedParameters),
    "reference": _one(REFERENCE, ReferenceParameters),
    "equalize": _one(EQUALIZE, EqualizeParameters),
    "round": _one(ROUND, RoundParameters),
    "sensitivity": _one(SENSITIVITY, LayerSensitivityParameters),
    "qat": _one(QAT, QatParameters),
    "control": _one(CONTROL, QatParameters),
    "lower": StageKind(LowerParameters, lambda given: lower_stage(given.format)),
    "quantize": StageKind(QuantizeParameters, lambda given: quantize_stage(given.format)),
    "inspect": StageKind(InspectParameters, lambda given: inspect_stage(given.format)),
    "compile": StageKind(CompileParameters, lambda given: compile_stage(given.compiler)),
    "verify": StageKind(VerifyParameters, lambda given: verify_stage(given.runtime)),
    "evaluate": StageKind(EvaluateParameters, lambda given: evaluate_stage(given.runtime)),
    "benchmark": StageKind(BenchmarkParameters, lambda given: benchmark_stage(given.runtime)),
    "count": _one(COUNT, CountParameters),
}


def read_stage(name: str, version: int, parameters: object) -> tuple[Stage[Any], Any]:
    """Return a stage and its parameters from the content of a file.

    Args:
        name: Name of the stage.
        version: Version of the stage when the file was written.
        parameters: The parameters as JSON values.

    Raises:
        InputError: There is no such stage, it has another version, or the parameters are wrong.
        UsageError: The parameters name a format, a runtime or a compiler that is not installed.
    """
    if name not in KINDS:
        raise InputError(f"there is no stage {name!r}", hint=f"the stages: {', '.join(KINDS)}")
    kind = KINDS[name]
    try:
        given = from_plain(kind.parameters, parameters)
    except ValidationError as error:
        raise InputError(f"parameters of stage {name!r}: {reason(error)}") from error
    stage = kind.choose(given)
    if stage.version != version:
        raise InputError(
            f"stage {name!r} has version {stage.version} here, and the plan was made with version {version}",
            hint="plan again with this version of edgecnn",
        )
    return stage, given
