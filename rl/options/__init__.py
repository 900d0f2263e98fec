"""Options of a training: read from a TOML file, checked, and put to the command that takes them."""
