"""Prices of models, from a small table that anyone can edit; every price has its source and its date.

The table in this folder, `prices.toml`, comes second; a file of your own, named by VIDEOSLEUTH_PRICES, comes first.
No entry means that the price is not known, which is not 0.
"""

import datetime
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from agent.trajectory import Usage
from tools.plain_data import loads_toml, read_plain_text


def format_dollars(amount: float) -> str:
    """US dollars with as many digits as tell something: `$0.0031`, `$1.20`, `$0`."""
    if amount == 0:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.4f}" if amount >= 0.0001 else "under $0.0001"


OWN_TABLE = "VIDEOSLEUTH_PRICES"
"""Environment variable that names a price table of one's own, a file like `prices.toml`."""

_MILLION = 1_000_000  # prices are per million tokens


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Price:
    """An entry of the price table, in US dollars a million tokens."""

    hosts: tuple[str, ...]
    """Names or addresses of the servers that the price is of, without port; `*` stands for anything."""
    models: tuple[str, ...]
    """Names of the models, written like MODEL in `http:MODEL@URL`; `*` stands for anything."""
    input: float
    output: float
    checked: datetime.date
    """Date on which the source gave this price."""
    source: str
    cached_input: float | None = None
    """Price of prompt tokens that the server had in its cache; None where they cost the same."""

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"need {name} >= 0, got {value:g}")

    def fits(self, host: str, model: str) -> bool:
        """True if the entry is for a model on a server; upper and lower case are the same."""
        return any(fnmatchcase(host.lower(), h.lower()) for h in self.hosts) and any(
            fnmatchcase(model.lower(), m.lower()) for m in self.models
        )

    def cost_usd(self, usage: Usage) -> float | None:
        """The US dollars of a request; None where the server did not count its tokens."""
        if self.is_free:
            return 0.0
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
        cached_price = self.input if self.cached_input is None else self.cached_input
        paid = (usage.prompt_tokens - cached) * self.input + cached * cached_price
        return (paid + usage.completion_tokens * self.output) / _MILLION

    @property
    def is_free(self) -> bool:
        """True where nothing is paid for tokens."""
        return not self.input and not self.output


@dataclass(frozen=True)
class _PriceTable:
    price: tuple[Price, ...] = ()


_ADAPTER: TypeAdapter[_PriceTable] = TypeAdapter(_PriceTable)


def find_price(host: str, model: str) -> Price | None:
    """The first price that fits a model on a server, the user's own table first; None where there is none.

    Raises:
        ValueError: the user's table can't be read; says where.
    """
    return next((price for price in (*_read_own_prices(), *_read_packaged_prices()) if price.fits(host, model)), None)


def explain_adding(host: str, model: str) -> str:
    """A hint for the user: what to write where, so that a model has a price."""
    entry = f'[[price]]\nhosts = ["{host}"]\nmodels = ["{model}"]\ninput = 0.25\ncached_input = 0.025\noutput = 2.00\n'
    entry += 'checked = 2026-01-31\nsource = "the price page of your server"'
    return f"add it to a file of your own and name that file in {OWN_TABLE}; dollars a million tokens, as in\n{entry}"


def read_prices(text: str, name: str) -> tuple[Price, ...]:
    """The entries of a price table.

    Raises:
        ValueError: the text is no price table; the error begins with `name`.
    """
    try:
        table = loads_toml(text)
    except ValueError as error:
        raise ValueError(f"{name} is not TOML: {error}") from None
    if unknown := sorted(set(table) - {"price"}):
        raise ValueError(f"{name}: unknown {', '.join(unknown)}; prices stand under [[price]]")
    try:
        return _ADAPTER.validate_python(table).price
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{name}: at {where}: {first['msg']}") from None


def _read_own_prices() -> tuple[Price, ...]:
    path = os.environ.get(OWN_TABLE, "")
    if not path:
        return ()
    try:
        return read_prices(read_plain_text(Path(path)), path)
    except OSError as error:
        raise ValueError(f"{OWN_TABLE} names {path}, which can't be read: {error.strerror}") from None


def _read_packaged_prices() -> tuple[Price, ...]:
    return read_prices(files("agent.cost").joinpath("prices.toml").read_text(encoding="utf-8"), "prices.toml")
