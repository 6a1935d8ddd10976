"""Profiles of calls: operators, their classes, layers of several artifacts side by side."""
