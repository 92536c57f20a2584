"""Claims: running them, deciding them, and keeping the verdicts."""
