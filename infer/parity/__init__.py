"""Parity: whether the outputs of two artifacts agree; pure functions over arrays."""
