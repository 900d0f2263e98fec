"""Which findings an exhibit quotes."""

import pytest

from agent.report.overlay import quotes
from agent.trajectory import Evidence
from tools.observation import Finding


@pytest.mark.parametrize(
    ("quote", "found", "is_quoted"),
    [
        ("Ring 0700 318 before noon", "Ring 0700 318 before noon", True),
        ("before noon", "Ring 0700 318 before Noon", True),
        ("Ring 0700 318 before noon", "0700 318", True),
        ("今天9点半开门", "9点半", True),
        ("Ring 0700 318 before noon", "1", False),
        ("Ring 0700 318 before noon", "for", False),
        ("Открыто до шести", "до", True),
        ("Дорога", "до", False),
        ("before noon", "", False),
    ],
)
def test_an_exhibit_quotes_whole_words_of_a_finding(quote: str, found: str, is_quoted: bool) -> None:
    assert quotes(Evidence(0.0, 1.0, quote=quote), Finding("text", 0.0, 1.0, found)) is is_quoted
