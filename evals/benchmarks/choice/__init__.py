"""Benchmarks of multiple choice."""
