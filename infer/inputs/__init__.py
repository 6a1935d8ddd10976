"""Inputs: from a file to arrays that fit a signature, a batch at a time."""
