"""Find the first tensor in which two artifacts differ."""
