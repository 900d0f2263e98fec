"""From scored answers to figures: means with intervals, paired tests, breakdowns. Numbers alone: nothing is run."""
