"""What a benchmark measures, one part a file."""
