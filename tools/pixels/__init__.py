"""From a decoded picture to upright RGB: shape, tone, interlacing."""
