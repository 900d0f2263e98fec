"""Reads text on screen."""
