"""The agent as a model inside other people's harnesses, each of which lives in an environment of its own."""
