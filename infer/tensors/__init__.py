"""Tensors without a framework: specifications, types, layouts, matching and differences."""
