"""Controls: conditions with which a score must be compared to mean something.

One short file for each kind; `evals.controls.catalogue.CONTROLS` names them all, `evals.controls.control` says what
one is. `baselines.py` has what needs no policy: chance, and the option that fits one indexed frame best.
"""
