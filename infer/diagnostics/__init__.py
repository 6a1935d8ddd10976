"""Diagnostic tools: bisect, doctor, overhead, self-test, and the check of a card."""
