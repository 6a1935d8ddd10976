"""What a run writes down: the store and its records."""
