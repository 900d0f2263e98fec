"""Asks one question of one video: trajectory, step, graph, policies, command line, report."""
