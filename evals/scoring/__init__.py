"""Scores answers: normalisation, spans, and the published scorers of benchmarks."""
