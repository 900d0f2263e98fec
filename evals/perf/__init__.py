"""Measurements of the project's own goals for speed, memory and tokens."""
