"""The ways in which detectors in ONNX files write boxes and scores, one module for each kind of coding."""
