"""Samplers and engines that generate rollouts, and the synchronisation of their weights."""
