"""Training questions (curriculum, published sets) and expert demonstrations."""
