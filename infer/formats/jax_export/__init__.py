"""Functions serialized by jax.export."""
