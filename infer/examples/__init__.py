"""Examples of differences: the few samples of an artifact that reports show, kept small."""
