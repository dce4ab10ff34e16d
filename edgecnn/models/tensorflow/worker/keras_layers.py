"""Which layers a Keras file may have: those whose description is data, and none that names code.

A description is read before Keras builds anything of it: its loaders have been made to run a stranger's code
through Lambda layers, functions by name and layers that read other files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_PARTS = 200_000
"""Most lists, tables and values of a description; the largest networks of Keras have some ten thousands."""

_MOST_DEPTH = 100

MODELS = frozenset({"Functional", "Model", "Sequential"})

_LAYER_NAMES = """
Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D AveragePooling2D
BatchNormalization CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Convolution2D
Cropping1D Cropping2D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Flatten GRU
GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D
GlobalMaxPooling2D GroupNormalization GroupQueryAttention InputLayer LSTM LayerNormalization LeakyReLU
Masking MaxPooling1D MaxPooling2D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute
RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation
RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D
SimpleRNN Softmax SpatialDropout1D SpatialDropout2D SpectralNormalization Subtract SyncBatchNormalization
ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D
"""

LAYERS = frozenset(_LAYER_NAMES.split())
"""Layers of Keras that a network of images may have."""

_PIECE_NAMES = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity L1 L1L2 L2 LecunNormal LecunUniform MaxNorm
MinMaxNorm NonNeg Ones Orthogonal Policy RandomNormal RandomUniform TruncatedNormal UnitNorm VarianceScaling
Zeros
"""

_CODE = frozenset({"Lambda", "JaxLayer", "FlaxLayer", "TorchModuleWrapper", "TFSMLayer", "TFOpLambda"})
_SCALING = frozenset({"Rescaling", "Normalization"})
_HOMES = frozenset({"", "builtins", "keras", "tf_keras"})
"""First parts of the names of modules; Keras 2 writes none."""

_KERAS2_PIECES = frozenset(_PIECE_NAMES.split())
_PIECES = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints", "keras.dtype_policies"})
_VALUES = frozenset(
    {"DTypePolicy", "__tensor__", "__keras_tensor__", "__numpy__", "__tuple__", "__set__", "__slice__"}
)
_OPERATIONS = ("keras.src.ops.", "keras.ops")


def check_layers(description: object, file: Path) -> bool:
    """Check the layers in a network's description, and return whether it scales pixels itself.

    Args:
        description: The description as plain data: ``config.json`` of a ``.keras`` file, or the attribute
            ``model_config`` of an ``.h5`` file.
        file: The file, for messages.

    Raises:
        InputError: A layer is unknown, of the user's own code, or a Lambda layer.
    """
    if not isinstance(description, dict) or "class_name" not in description:
        raise InputError(
            f"{file} has no description of a network", hint="save it with model.save('NAME.keras')"
        )
    found = list(_named(description, file))
    for class_name, module, holder in found:
        _check_class(class_name, module, holder, file)
    names = [class_name for class_name, _, _ in found if class_name in LAYERS]
    first = [name for name in names if name != "InputLayer"][:4]
    return bool(_SCALING.intersection(first))


def _named(description: object, file: Path) -> Iterator[tuple[str, str, str]]:
    """Yield every class that a description names: its name, its module, and the name of the layer."""
    waiting: list[tuple[object, int, str]] = [(description, 0, "")]
    parts = 0
    while waiting:
        value, depth, holder = waiting.pop()
        parts += 1
        if parts > MOST_PARTS or depth > _MOST_DEPTH:
            raise InputError(
                f"{file} has a description of more than {MOST_PARTS} parts, or {_MOST_DEPTH} deep",
                hint="give the file of a smaller network",
            )
        if isinstance(value, dict):
            holder = _layer_name(value) or holder
            if isinstance(value.get("class_name"), str):
                yield value["class_name"], str(value.get("module") or ""), holder
            waiting += [(part, depth + 1, holder) for part in reversed(value.values())]
        elif isinstance(value, list):
            waiting += [(part, depth + 1, holder) for part in reversed(value)]


def _layer_name(value: dict[str, Any]) -> str:
    config = value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) else ""


def _check_class(class_name: str, module: str, holder: str, file: Path) -> None:
    where = f"{class_name} layer {holder!r}" if holder else class_name
    if class_name in _CODE:
        raise InputError(
            f"{file} has the {where}, which is code; no code of a file is run",
            hint="use layers of Keras, or save the network with model.export('FOLDER') and give the folder: "
            "a graph holds no code",
        )
    known = class_name in LAYERS or class_name in MODELS or class_name in _VALUES
    known = known or module in _PIECES or module.startswith(_OPERATIONS)
    known = known or (not module and class_name in _KERAS2_PIECES)
    if not known or module.partition(".")[0] not in _HOMES:
        raise InputError(
            f"{file} has the {where}, which is none of Keras's layers for images",
            hint="save the network with model.export('FOLDER') and give the folder: a graph needs no classes",
        )
