"""ONNX: lowering, native quantization, inspection."""
