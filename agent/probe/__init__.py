"""Probes what a policy's model really sees: generated frames go through the ordinary rendering, and replies are read.

Servers drop pictures past a limit, reorder them or make them smaller without a word, and answers get worse for no
visible reason. About nine requests show it.
"""
