"""Prices of hosted models, and the estimate of what a question will cost."""
