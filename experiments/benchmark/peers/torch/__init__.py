"""The peers in PyTorch."""
