"""One process for one artifact, and the controller's side of it."""
