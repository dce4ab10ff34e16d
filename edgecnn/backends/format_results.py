"""The results of formats, checked: one of a wrong kind is a line with the name of its package and method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from edgecnn.backends.format import StoredWeight
from edgecnn.backends.formats import companions, model_file
from edgecnn.backends.registry import find_format
from edgecnn.core.documents.document import Document, reason
from edgecnn.core.documents.inspection import Inspection
from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from typing import NoReturn

PRECISIONS = ("fp32", "fp16", "int8", "mixed")

Result = TypeVar("Result", bound=Document)


def checked_file(name: str, method: str, file: Any, out: Path) -> Path:
    """Return the file that a method has written.

    Args:
        name: Name of the format.
        method: The method.
        file: What it returned.
        out: The directory that it was told to write to.

    Raises:
        UsageError: It is no path, there is no such file in the directory, or the file is empty.
    """
    if not isinstance(file, Path):
        _wrong(name, method, f"a {type(file).__name__}, not a Path")
    if method != "reference" and file != model_file(out, name):
        _wrong(name, method, f"the path {file}; the file is to be {model_file(out, name)}")
    if file.parent != out or not file.is_file() or file.stat().st_size == 0:
        _wrong(name, method, f"and {file} is no file in {out}, or is empty")
    return file


def checked_result(name: str, method: str, result: Any, kind: type[Result]) -> Result:
    """Return what a method has returned, a document of a kind whose fields are all of their types.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(result, kind):
        _wrong(name, method, f"a {type(result).__name__}, not a document {kind.__name__}")
    try:
        kind.model_validate({field: getattr(result, field) for field in kind.model_fields})
    except (ValidationError, TypeError, ValueError, AttributeError) as error:
        text = reason(error) if isinstance(error, ValidationError) else str(error)
        _wrong(name, method, f"a document {kind.__name__} whose fields are wrong: {text}")
    return result


def checked_inspection(name: str, result: Any, model: Path) -> Inspection:
    """Return the inspection of a file, if its values can be those of the file.

    Raises:
        UsageError: They cannot be.
    """
    found = checked_result(name, "inspect", result, Inspection)
    size = sum(file.stat().st_size for file in (model, *companions(model)))
    share = found.integer_macs
    problem = ""
    if found.format != name:
        problem = f"format {found.format!r} for a file of format {name!r}"
    elif found.precision not in PRECISIONS:
        problem = f"precision {found.precision!r}; there are {', '.join(PRECISIONS)}"
    elif found.size_bytes != size:
        problem = f"size_bytes {found.size_bytes} for a file of {size} bytes"
    elif share is not None and not 0 <= share <= 1:
        problem = f"integer_macs {share}, which is a share between 0 and 1"
    elif min((found.parameters, found.transposes, *found.ops.values())) < 0:
        problem = "a negative number of parameters, transposes or operations"
    elif not found.inputs or not found.outputs:
        problem = "no inputs or no outputs"
    if problem:
        _wrong(name, "inspect", problem)
    return found


def checked_weights(name: str, result: Any) -> list[StoredWeight]:
    """Return the constants of a file.

    Raises:
        UsageError: They are no list of constants.
    """
    if not isinstance(result, list) or not all(isinstance(one, StoredWeight) for one in result):
        _wrong(name, "weights", f"a {type(result).__name__}, not a list of StoredWeight")
    return result


def _wrong(name: str, method: str, what: str) -> NoReturn:
    origin = find_format(name).origin
    raise UsageError(
        f"format {name} of {origin} failed: {method} returned {what}",
        hint=f"update or remove it: pip uninstall {origin.distribution}" if origin.distribution else None,
    )
