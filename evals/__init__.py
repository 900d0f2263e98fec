"""Is it right, and how sure are we: examples, scoring, statistics, runs and speed."""
