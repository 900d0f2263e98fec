"""Pieces of lines that could answer an open question: how they are cut, and what ranks them."""
