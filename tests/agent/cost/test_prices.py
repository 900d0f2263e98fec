"""The price table: what is found, what is not known, and what a request costs."""

import datetime
from pathlib import Path

import pytest

from agent.cost.prices import Price, find_price, read_prices
from agent.trajectory import Usage

MINI = Price(("*",), ("m",), 0.25, 2.0, datetime.date(2026, 1, 1), "here", 0.025)


def own_table(path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("VIDEOSLEUTH_PRICES", str(path))


def entry(models: str, price: float) -> str:
    given = f'[[price]]\nhosts = ["api.openai.com"]\nmodels = ["{models}"]\ninput = {price}\noutput = {price}\n'
    return given + 'checked = 2026-01-01\nsource = "me"\n'


def test_cached_tokens_cost_less_and_are_counted_once() -> None:
    # 400 new at 0.25, 600 cached at 0.025, 100 written at 2.00, a million each
    cost = MINI.cost_usd(Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=600))
    assert cost == pytest.approx((400 * 0.25 + 600 * 0.025 + 100 * 2.0) / 1e6)


def test_a_cost_of_uncounted_tokens_is_none_and_not_zero() -> None:
    assert MINI.cost_usd(Usage(prompt_tokens=1000)) is None


def test_this_machine_costs_nothing_even_uncounted() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        price = find_price(host, "anything")
        assert price is not None
        assert price.cost_usd(Usage()) == 0.0


def test_an_unknown_model_has_no_price() -> None:
    assert find_price("api.openai.com", "gpt-99") is None
    assert find_price("gpu-box", "gpt-5-mini") is None


def test_a_dated_model_has_the_price_of_its_name_and_a_longer_name_has_not() -> None:
    mini, dated = find_price("api.openai.com", "gpt-5-mini"), find_price("api.openai.com", "gpt-5-mini-2025-08-07")
    assert mini is not None
    assert mini == dated
    assert mini != find_price("api.openai.com", "gpt-5")
    assert find_price("api.openai.com", "gpt-5-minimal") is None


def test_every_packaged_price_says_where_it_is_from_and_of_when() -> None:
    text = (Path(__file__).parents[3] / "agent" / "cost" / "prices.toml").read_text(encoding="utf-8")
    prices = read_prices(text, "prices.toml")
    assert all(price.source and price.checked <= datetime.date(2026, 11, 21) for price in prices)
    assert all(price.cached_input is None or price.cached_input <= price.input for price in prices)


def test_your_own_table_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_table(tmp_path / "prices.toml", monkeypatch, entry("gpt-5-mini", 9))
    mine, theirs = find_price("api.openai.com", "gpt-5-mini"), find_price("api.openai.com", "gpt-5")
    assert mine is not None
    assert theirs is not None
    assert (mine.input, theirs.input) == (9, 1.25)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not toml", "is not TOML"),
        ("[[prices]]\n", "unknown prices; prices stand under"),
        (entry("m", -1), r"at price\.0: .*input >= 0"),
        (entry("m", 1) + "inptu = 2\n", r"price\.0\.inptu"),
        ('[[price]]\nhosts = ["h"]\n', r"price\.0\.models"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_table(tmp_path / "mine.toml", monkeypatch, text)
    with pytest.raises(ValueError, match=message) as refused:
        find_price("h", "m")
    assert "mine.toml" in str(refused.value)


def test_a_table_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_PRICES", str(tmp_path / "gone.toml"))
    with pytest.raises(ValueError, match=r"gone\.toml, which can't be read"):
        find_price("h", "m")
