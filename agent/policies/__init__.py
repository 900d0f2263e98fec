"""One class for each way of driving the loop."""
