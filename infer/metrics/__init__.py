"""Metrics of the user's task: what each is, and its value with an interval."""
