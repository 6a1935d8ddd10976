"""Whether two artifacts agree: pure functions over arrays."""
