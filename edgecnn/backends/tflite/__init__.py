"""TFLite: lowering, native quantization, inspection."""
