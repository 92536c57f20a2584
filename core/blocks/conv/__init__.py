"""Convolution: the layers, and the ways in which their sums are computed."""
