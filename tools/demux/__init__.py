"""Containers, packets and clocks: which picture is shown when."""
