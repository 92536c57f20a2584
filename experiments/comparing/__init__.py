"""Comparisons: candidates on one dataset, matched, ranked, and their page."""
