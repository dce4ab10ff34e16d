"""Keras files: ``.keras`` of Keras 3, ``.h5`` of Keras 2 and 3."""

from __future__ import annotations

import contextlib
import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.models.tensorflow.worker.graph import FrozenFunction
from edgecnn.models.tensorflow.worker.keras_layers import check_layers
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

_IMAGE = 4
_MOST_CONFIG = 64 << 20


def open_keras(file: Path) -> FrozenFunction:
    """Open a ``.keras`` file.

    Raises:
        InputError: It is damaged, has a layer that is code or unknown, or takes something else than an image.
    """
    import h5py
    import keras

    with _reading(file), zipfile.ZipFile(file) as archive:
        text = archive.read("config.json")
        weights = archive.read("model.weights.h5")
    raw = check_layers(_json(text, file), file)
    with _reading(file), h5py.File(io.BytesIO(weights), "r") as content:
        _check_inside(content, file)
    with _reading(file):
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    return _frozen(model, file, raw_pixels=raw)


def open_h5(file: Path) -> FrozenFunction:
    """Open an ``.h5`` file with the version of Keras that wrote it.

    Raises:
        InputError: It is damaged, holds weights only, has a layer that is code or unknown, or takes something
            else than an image.
    """
    import h5py

    with _reading(file), h5py.File(file, "r") as content:
        _check_inside(content, file)
        config, version = content.attrs.get("model_config"), content.attrs.get("keras_version", "2")
    if config is None:
        raise InputError(
            f"{file} holds weights without a network",
            hint="build the network in Keras, model.load_weights(...) it, and model.save('NAME.keras')",
        )
    raw = check_layers(_json(config, file), file)
    if _text(version).startswith("3"):
        import keras

        loader: Any = keras
    else:
        import tf_keras

        loader = tf_keras
    with _reading(file):
        model = loader.models.load_model(file, compile=False, safe_mode=True)
    return _frozen(model, file, raw_pixels=raw)


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn whatever a library raises about a file into one line."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # HDF5's and Keras's errors are of many kinds
        raise InputError(
            f"Keras cannot read {file}: {one_line(error)}",
            hint="the file is damaged, or of a version of Keras that this one does not read; save it again",
        ) from error


def _json(text: bytes | str, file: Path) -> object:
    try:
        return parse_json(text, most=_MOST_CONFIG)
    except ValueError as error:
        raise InputError(
            f"the description of its network in {file} is damaged: {error}", hint="save the network again"
        ) from error


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _check_inside(content: Any, file: Path) -> None:
    """Refuse an HDF5 file that refers to other files: whoever opens it would read these."""
    import h5py

    def look(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _elsewhere(file, name)
            if isinstance(link, h5py.SoftLink):
                continue
            found = group[name]
            if isinstance(found, h5py.Group):
                look(found)
            elif found.is_virtual or found.external:
                raise _elsewhere(file, name)

    look(content)


def _elsewhere(file: Path, name: str) -> InputError:
    return InputError(
        f"{file} refers to another file at {name!r}, which is not read", hint="save the network into one file"
    )


def _frozen(model: Any, file: Path, *, raw_pixels: bool) -> FrozenFunction:
    """Return the function of a Keras model for one image."""
    import tensorflow as tf

    inputs = model.inputs or []
    listed = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in inputs)
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    if len(shape) != _IMAGE:
        raise InputError(
            f"{file} takes {listed or 'nothing'}; a network of one image is needed",
            hint="save a network with one input, the image",
        )
    if None in shape[1:]:
        raise InputError(
            f"{file} takes images {shape} of any size; one of a fixed height and width is needed",
            hint="in Keras, call it on keras.Input((HEIGHT, WIDTH, 3)) and save that network",
        )
    spec = tf.TensorSpec([1, *shape[1:]], inputs[0].dtype, name="image")
    traced = tf.function(lambda image: _listed(model(image, training=False)))

    def call(image: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        given = tf.constant(image, spec.dtype)
        return [np.asarray(value) for value in _listed(model(given, training=False))]

    return FrozenFunction(
        traced.get_concrete_function(spec),
        call,
        channels_last=shape[3] in {1, 3} or shape[1] not in {1, 3},
        raw_pixels=raw_pixels,
    )


def _listed(outputs: Any) -> list[Any]:
    import tensorflow as tf

    return list(tf.nest.flatten(outputs))
