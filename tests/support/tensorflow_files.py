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
    model.save(folder / "small.keras")
    model.save(folder / "keras3.h5")
    model.save_weights(folder / "only.weights.h5")
    model.export(folder / "exported", verbose=False)
    write_signatures(tf, model, folder / "signatures")
    write_refused(keras, folder)
    write_keras2(folder)
    write_hostile(tf, folder)


def write_hostile(tf: Any, folder: Path) -> None:
    """Write an HDF5 file that refers to another one, and a SavedModel that reads a file."""
    import shutil

    import h5py

    shutil.copy(folder / "keras3.h5", folder / "linked.h5")
    with h5py.File(folder / "linked.h5", "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")
    spec = tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32)
    module = tf.Module()
    module.read = tf.function(
        lambda image: {
            "scores": image + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)
        }
    )
    tf.saved_model.save(module, folder / "reads", signatures=module.read.get_concrete_function(spec))


def write_keras2(folder: Path) -> None:
    """Write the network as Keras 2 does; Keras 3 does not read its depthwise layers."""
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    network(tf_keras.layers, tf_keras.models).save(folder / "keras2.h5")


def write_signatures(tf: Any, model: Any, folder: Path) -> None:
    """Write a SavedModel with two functions."""
    spec = tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32)
    plain = tf.function(lambda image: {"scores": model(image, training=False)}).get_concrete_function(spec)
    double = tf.function(lambda image: {"scores": 2 * model(image, training=False)}).get_concrete_function(
        spec
    )
    tf.saved_model.save(model, folder, signatures={"plain": plain, "double": double})


def write_refused(keras: Any, folder: Path) -> None:
    """Write networks with code: a Lambda layer, and a layer of the user's own."""

    class Own(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    for name, layer in (
        ("lambda", keras.layers.Lambda(lambda x: x * 2.0, name="twice")),
        ("own", Own(name="own")),
    ):
        image = keras.layers.Input((SIZE, SIZE, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(layer(image))
        network = keras.models.Model(image, keras.layers.Dense(CLASSES)(pooled))
        network.save(folder / f"{name}.keras")
        network.save(folder / f"{name}.h5")


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
