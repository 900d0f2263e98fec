"""Benchmarks of times: spans that are asked for, or that an answer has to rest on."""
