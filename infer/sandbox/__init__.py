"""Protection against harmful artifacts: limits of processes, and trust."""
