"""Evaluation: data sets, scoring, statistics, runs, controls, reports and speed."""
