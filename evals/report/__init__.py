"""Reports on stored runs: nothing is run, and every line is scored again by the current rules.

`python -m evals.report RUN... --html FILE.html` prints Markdown and writes one page that fetches nothing. Both are made
from the same sections (`section.py`), which hold tables, plots and sentences and know of no format.
"""
