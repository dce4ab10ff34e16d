"""OpenVINO IR: lowering, native quantization, inspection."""
