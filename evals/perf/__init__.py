"""Measures the project's own speed and memory goals."""
