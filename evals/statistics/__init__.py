"""Statistics of scored answers: means with intervals, paired tests, breakdowns, calibration. Nothing is run."""
