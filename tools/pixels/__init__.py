"""Conversion of a decoded picture to upright RGB: shape, tone, interlacing."""
