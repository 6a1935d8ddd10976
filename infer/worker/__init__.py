"""The worker, a process for a single artifact, and its client in the controller."""
