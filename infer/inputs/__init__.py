"""Inputs: read from a file or drawn at random, fitted to a signature, and cut into batches."""
