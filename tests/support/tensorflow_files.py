"""Small files of TensorFlow's tools, written by a program that the toolchain's Python runs.

``python tensorflow_files.py FOLDER`` writes into the folder; nothing of edgecnn is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SIZE, CLASSES = 24, 5
"""Height and width of the image, and number of classes."""


def network(layers: Any, models: Any) -> Any:
    """Return a classifier with what is common in Keras: padding "same", depthwise layers, a shortcut."""
    image = layers.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(max_value=6.0, name="stem_relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    y = layers.Activation("relu", name="depthwise_relu")(y)
    y = layers.Conv2D(8, 1, name="pointwise")(y)
    x = layers.Add(name="shortcut")([x, y])
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="last")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(CLASSES, name="scores")(x)
    return models.Model(image, layers.Activation("softmax", name="classes")(x), name="small")


def write_all(folder: Path) -> None:
    """Write the small network in every format, and files that must be refused."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = network(keras.layers, keras.models)
    write_tflite(tf, model, folder)


def write_tflite(tf: Any, model: Any, folder: Path) -> None:
    """Write a network as TFLite: float32, float16, with int8 weights, and int8."""
    rng = tf.random.Generator.from_seed(1)

    def images() -> Any:
        for _ in range(8):
            yield [rng.uniform((1, SIZE, SIZE, 3))]

    for name in ("float32", "float16", "dynamic", "int8"):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if name != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if name == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if name == "int8":
            converter.representative_dataset = images
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        (folder / f"{name}.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
