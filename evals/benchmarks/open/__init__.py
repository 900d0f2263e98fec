"""Benchmarks with open answers, alone or beside multiple choice."""
