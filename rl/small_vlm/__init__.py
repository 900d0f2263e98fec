"""A small vision-language model from packaged weights: SmolLM2 with a vision encoder of a few million weights."""
