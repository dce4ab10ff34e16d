"""Networks from ONNX files, read into torch modules that can be exported to every target."""
