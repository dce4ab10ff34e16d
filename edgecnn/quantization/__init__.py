"""Post-training quantization and training for int8, written once for all formats."""
