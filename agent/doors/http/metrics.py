"""Metrics for Prometheus, in a registry of their own so that two servers may live in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class ServerMetrics:
    """Counters of requests, jobs and workers."""

    def __init__(self) -> None:
        self.registry = at = CollectorRegistry()
        self.requests = Counter("videosleuth_http_requests", "Requests answered.", ("route", "status"), registry=at)
        self.request_seconds = Histogram(
            "videosleuth_http_request_seconds", "Time until the response is complete.", ("route",), registry=at
        )
        self.jobs = Counter("videosleuth_jobs", "Questions that ended, by how they did.", ("status",), registry=at)
        self.job_seconds = Histogram(
            "videosleuth_job_seconds",
            "Time from a question's acceptance to its end.",
            buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600),
            registry=at,
        )
        self.refused = Counter("videosleuth_jobs_refused", "Questions refused because the queue was full.", registry=at)
        self.waiting = Gauge("videosleuth_jobs_waiting", "Questions that wait for a worker.", registry=at)
        self.running = Gauge("videosleuth_jobs_running", "Questions that are being answered.", registry=at)
        self.worker_deaths = Counter(
            "videosleuth_worker_deaths", "Worker processes that died or were killed.", registry=at
        )
        self.stored_bytes = Gauge("videosleuth_stored_bytes", "Size of all uploads.", registry=at)

    def page(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
