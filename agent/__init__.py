"""Asks one question of one video: trajectory, step, graph, policies, command line, report."""

import tools  # noqa: F401  its hook must be in place before any backend imports transformers
