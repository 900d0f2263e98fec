"""Shows a trajectory to a person: the HTML report, the terminal and the JSON output."""
