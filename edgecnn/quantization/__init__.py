"""Post-training quantization and quantization-aware training, independent of formats."""
