"""Artifacts on disk: find, open and check them."""
