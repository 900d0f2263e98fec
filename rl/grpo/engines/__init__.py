"""Adapters for trainers that are not ours: their engine samples, our graph plays, our preset rewards.

None is imported with this package, and none is needed to import an adapter.
"""
