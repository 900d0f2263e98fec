"""Models that run in this process: loading, batching, sampling and caches."""
