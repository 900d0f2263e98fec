"""Programs that a model writes over the tools, run by an interpreter that knows nothing else."""
