"""Rewards: small pure named functions of (example, trajectory), a number or None, which means "does not count".

`catalogue` has them by name, and is what presets use: it sees to it that a run that broke off counts nowhere.
"""
