"""One check a file: `check(gate)` gives the checks of its kind for an artifact."""
