"""tract for exportbench: another runtime for ONNX files."""
