"""Stage ``lower``: conversion of a checkpoint to a float32 file of one format."""

from __future__ import annotations

from edgecnn.backends.entry import LowerRequest
from edgecnn.backends.registry import find_format
from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.models.spec_file import WEIGHTS_FILE
from edgecnn.pipeline.stages.base import Context, Inputs, Stage


@arguments
class LowerParameters:
    """The format to lower to."""

    format: str


def run(inputs: Inputs, parameters: LowerParameters, context: Context) -> None:
    """Convert in a child process, which imports only the format's libraries."""
    child = process.call(
        "edgecnn.backends.entry:lower",
        LowerRequest(parameters.format, inputs["checkpoint"], context.out),
        log=context.log,
        memory_bytes=process.memory_for(inputs["checkpoint"] / WEIGHTS_FILE),
        torch=True,
    )
    context.charge("lower", child)


def lower_stage(format: str) -> Stage[LowerParameters]:  # noqa: A002  the name in targets and requests
    """Return the stage that lowers to a format.

    Raises:
        UsageError: There is no such format.
    """
    record = find_format(format)
    packages = (*record.lower.distributions, *record.origin.distributions)
    return Stage("lower", record.lower.version, run, packages, forks_torch=True)
