"""Shots, changes, colours and captions of frames."""
