"""Published benchmarks, read from their official files and scored by published rules side by side with a strict one.

One short file for each; `evals.benchmarks.catalogue.BENCHMARKS` names them all.
"""
