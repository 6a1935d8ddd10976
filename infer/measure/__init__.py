"""A run: its plan, its processes and when it ends."""
