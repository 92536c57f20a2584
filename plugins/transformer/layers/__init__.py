"""The layers of the transformer."""
