"""Layers beside those of PyTorch, as programs."""
