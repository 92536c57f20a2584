"""Scaffolding of plugin packages, and their conformance checks."""
