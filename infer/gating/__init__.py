"""Whether artifacts are as good as their baseline."""
