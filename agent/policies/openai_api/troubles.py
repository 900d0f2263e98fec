"""The ways in which a request fails."""


class RefusedError(Exception):
    """The server said no, and will say it again to the same request."""

    def __init__(self, status: int, text: str, parameter: str = "") -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text
        """What it said, without any trace of the key."""
        self.parameter = parameter
        """The parameter of the request that it blames, where it names one."""


class PassingError(Exception):
    """Something that may work the next time."""

    def __init__(
        self, what: str, max_tries: int | None = None, wait_seconds: float | None = None, *, is_loading: bool = False
    ) -> None:
        super().__init__(what)
        self.max_tries = max_tries
        """None is as many as usual."""
        self.wait_seconds = wait_seconds
        """How long the server wants us to wait; None where it does not say."""
        self.is_loading = is_loading
        """True while the server still loads its model."""


class UselessError(Exception):
    """What came is no completion and never will be: a web page, or more than anybody asked for."""
