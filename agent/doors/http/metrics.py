"""Metrics for Prometheus, in a registry of their own so that two servers may live in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class ServerMetrics:
    """Counters of requests, jobs and workers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        more = {"namespace": "videosleuth", "registry": self.registry}
        self.requests = Counter("http_requests", "Requests answered.", ("route", "status"), **more)
        self.request_seconds = Histogram(
            "http_request_seconds", "Time until the response is complete.", ("route",), **more
        )
        self.jobs = Counter("jobs", "Questions that ended, by how they did.", ("status",), **more)
        self.job_seconds = Histogram(
            "job_seconds",
            "Time from a question's acceptance to its end.",
            buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600),
            **more,
        )
        self.refused = Counter("jobs_refused", "Questions refused because the queue was full.", **more)
        self.waiting = Gauge("jobs_waiting", "Questions that wait for a worker.", **more)
        self.running = Gauge("jobs_running", "Questions that are being answered.", **more)
        self.worker_deaths = Counter("worker_deaths", "Worker processes that died or were killed.", **more)
        self.stored_bytes = Gauge("stored_bytes", "Size of all uploads.", **more)

    def page(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
