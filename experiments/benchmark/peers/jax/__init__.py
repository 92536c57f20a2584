"""The peers in JAX."""
