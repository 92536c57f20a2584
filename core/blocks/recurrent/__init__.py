"""Recurrent networks: cells, layers over time, packing of different lengths, truncation, generation."""
