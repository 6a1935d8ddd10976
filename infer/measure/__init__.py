"""A run: its plan, its stages and processes, and when it ends."""
