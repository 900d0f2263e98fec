"""The policies, a class for each kind, and the registry that opens one by its spec."""
