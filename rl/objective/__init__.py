"""Advantages, policy losses and the log-probabilities they need."""
