"""Builds training questions: candidates of a set or of a writing model, filters that drop most, runs to imitate."""
