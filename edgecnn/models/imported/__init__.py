"""Networks that come as an ONNX file: read into a torch module that every target can be made from."""
