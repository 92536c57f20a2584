"""Benchmarks: time, memory, size and scaling of the architectures, against other libraries in the same run."""
