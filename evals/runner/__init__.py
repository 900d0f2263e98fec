"""Runs a policy over a dataset, resumably, one row a question."""
