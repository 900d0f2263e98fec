"""Datasets of questions: published benchmarks, composed videos, a user's own clips."""
