"""Plots as SVG: charts and reliability diagrams."""
