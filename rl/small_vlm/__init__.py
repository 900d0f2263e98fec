"""A small model that sees, from packaged weights: SmolLM2 reads, and eyes of a few million weights learn to see."""
