"""The records of a run: their types, and the store that writes them."""
