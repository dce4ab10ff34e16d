"""The side of TensorFlow's environment: standard library, numpy, TensorFlow, Keras and tf2onnx."""
