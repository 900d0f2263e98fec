"""Datasets of questions: published benchmarks, composed videos, own clips."""
