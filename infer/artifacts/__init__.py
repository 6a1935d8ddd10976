"""Artifacts on disk: opened, checked and found."""
