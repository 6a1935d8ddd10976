"""Evaluate the records of a run: summaries, rankings, comparisons and recommendations."""
