"""Watches a training run: step log, alarms, curves and the dashboard page."""
