"""Comparisons: candidates on one data set, matched, ranked, and their page."""
