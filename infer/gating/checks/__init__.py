"""The checks, one kind in each file, whose `check(gate)` returns the checks of an artifact."""
