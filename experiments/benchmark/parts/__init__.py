"""The parts of a benchmark, one per file."""
