"""Encoders of images and text into one space, and the registry that opens them."""
