"""The exceptions of a failed request: refused for good, worth another try, or useless."""


class RefusedError(Exception):
    """A refusal that the server would repeat for the same request."""

    def __init__(self, status: int, text: str, parameter: str = "") -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text
        """Message of the server, without any trace of the key."""
        self.parameter = parameter
        """Name of the parameter that the server blames; empty where it names none."""


class PassingError(Exception):
    """A failure that may pass by itself, so that the request is tried again."""

    def __init__(
        self, what: str, max_tries: int | None = None, wait_seconds: float | None = None, *, is_loading: bool = False
    ) -> None:
        super().__init__(what)
        self.max_tries = max_tries
        """Tries at most; None is as many as usual."""
        self.wait_seconds = wait_seconds
        """Seconds that the server asks to wait; None where it does not say."""
        self.is_loading = is_loading
        """True while the server still loads its model."""


class UselessError(Exception):
    """An answer that is no completion and never will be: a web page, or far more than was asked for."""
