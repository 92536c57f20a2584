"""Figures that several plugins draw."""
