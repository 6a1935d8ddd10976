"""The gate: judge whether artifacts are as good as their baseline."""
