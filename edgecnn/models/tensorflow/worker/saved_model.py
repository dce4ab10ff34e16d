"""SavedModel folders: a graph and its variables, in TensorFlow's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.text import nearest, one_line
from edgecnn.models.tensorflow.worker.graph import FrozenFunction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

_IMAGE = 4
_DEFAULT = "serving_default"

EXPORTED = frozenset({"serve", _DEFAULT})
"""The two names that Keras's ``model.export`` gives to one function."""

_MOST_GRAPH = 512 << 20

_REFUSED_NAMES = """
BatchFunction DecodeImage EagerPyFunc FixedLengthRecordReaderV2 LMDBReader LookupTableExportV2
LookupTableImportV2 MatchingFiles MergeV2Checkpoints NcclAllReduce PyFunc PyFuncStateless QueueEnqueueV2
ReadFile RemoteCall RpcCall Save SaveSlices TFRecordReaderV2 TensorSummaryV2 TextLineReaderV2 TryRpc
WholeFileReaderV2 WriteFile WriteSummary XlaLaunch
"""

REFUSED = frozenset(_REFUSED_NAMES.split())
"""Operations that read or write files, call Python or other machines; no network of images needs them."""

_SAVES = frozenset({"MergeV2Checkpoints", "Save", "SaveSlices"})
"""Operations of the function that saves a network again; every SavedModel has some, and nobody calls it."""


def open_saved_model(folder: Path, signature: str | None) -> FrozenFunction:
    """Open one function of a SavedModel.

    Args:
        folder: The folder.
        signature: Name of the function; None for the only one.

    Raises:
        InputError: The folder is damaged, its graph reads files or calls code, or takes no image.
        UsageError: It has several functions and none is named, or none of that name.
    """
    import tensorflow as tf

    check_operations(folder)
    try:
        loaded = tf.saved_model.load(folder)
    except Exception as error:  # it raises errors of many kinds
        raise InputError(
            f"TensorFlow cannot read {folder}: {one_line(error)}",
            hint="the folder must hold saved_model.pb and the folder variables, as TensorFlow wrote them",
        ) from error
    functions = {name: found for name, found in loaded.signatures.items() if not name.startswith("__")}
    name = choose(list(functions), signature, folder)
    return _frozen(loaded, functions[name], folder, name)


def choose(names: list[str], wanted: str | None, folder: Path) -> str:
    """Return the name of the function to take.

    Raises:
        InputError: There is none.
        UsageError: There are several and none is named, or none of that name.
    """
    if not names:
        raise InputError(
            f"{folder} has no signature, so nothing says what it takes",
            hint="save it with model.export(FOLDER), or with tf.saved_model.save and its signatures",
        )
    if wanted is None and set(names) <= EXPORTED:
        return _DEFAULT if _DEFAULT in names else names[0]
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    listed = ", ".join(sorted(names)[:10])
    if wanted is None:
        raise UsageError(
            f"{folder} has {len(names)} signatures: {listed}",
            hint=f"choose one: --signature {sorted(names)[0]}",
        )
    close = nearest(wanted, names)
    raise UsageError(
        f"{folder} has no signature {wanted!r}; it has {listed}",
        hint=f"did you mean {close[0]!r}?" if close else f"choose one: --signature {sorted(names)[0]}",
    )


def check_operations(folder: Path) -> None:
    """Check the operations of a SavedModel before TensorFlow loads it, which can execute some.

    Raises:
        InputError: The graph is damaged, or has an operation that reads or writes files or calls code.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    file = folder / "saved_model.pb"
    if file.stat().st_size > _MOST_GRAPH:
        raise InputError(f"{file} is larger than 512 MiB", hint="give a smaller network")
    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString(file.read_bytes())
    except DecodeError as error:
        raise InputError(
            f"{file} is damaged or no SavedModel", hint="copy the folder again, or save the network again"
        ) from error
    if not content.meta_graphs:
        raise InputError(f"{file} holds no graph", hint="save the network again")
    for graph in content.meta_graphs:
        main = {node.op for node in graph.graph_def.node}
        inside = {node.op for function in graph.graph_def.library.function for node in function.node_def}
        found = sorted(((main | inside) & REFUSED) - _SAVES)
        if found:
            raise InputError(
                f"{folder} has operations that read or write files or call code: {', '.join(found)}",
                hint="export the network without them: it takes an image and returns numbers",
            )


def _frozen(loaded: Any, function: Any, folder: Path, name: str) -> FrozenFunction:
    """Return a signature as a function of one image."""
    import tensorflow as tf

    _, inputs = function.structured_input_signature
    listed = ", ".join(f"{key} {_shape(spec)}" for key, spec in sorted(inputs.items()))
    if len(inputs) != 1 or len(_shape(next(iter(inputs.values())))) != _IMAGE:
        raise InputError(
            f"signature {name} of {folder} takes {listed or 'nothing'}; a network of one image is needed",
            hint="export a signature with one input, the image",
        )
    ((key, given),) = inputs.items()
    shape = _shape(given)
    if None in shape[1:]:
        raise InputError(
            f"signature {name} of {folder} takes images {shape}; a fixed height and width are needed",
            hint="export it again with a fixed size, such as tf.TensorSpec([None, 224, 224, 3])",
        )
    spec = tf.TensorSpec([1, *shape[1:]], given.dtype, name="image")
    wrapped = tf.function(lambda image: _values(function(**{key: image})))
    concrete = wrapped.get_concrete_function(spec)

    def call(image: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        result = function(**{key: tf.constant(image, spec.dtype)})
        return [np.asarray(value) for value in _values(result)]

    frozen = FrozenFunction(
        concrete, call, channels_last=shape[3] in {1, 3} or shape[1] not in {1, 3}, raw_pixels=False
    )
    frozen.keep = loaded
    return frozen


def _shape(spec: Any) -> list[int | None]:
    return [] if spec.shape.rank is None else list(spec.shape.as_list())


def _values(outputs: dict[str, Any]) -> list[Any]:
    """Return the outputs of a signature in the order of their names."""
    ordered: Iterable[str] = sorted(outputs)
    return [outputs[name] for name in ordered]
