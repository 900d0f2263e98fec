"""Renders a trajectory as a model's messages, and parses the model's replies."""
