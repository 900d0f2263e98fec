"""Doors through which other programs reach the agent; each starts the same graph through `agent.sleuth`."""
