"""Measuring how long things take, beside another implementation in the same run."""
