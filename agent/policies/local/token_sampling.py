"""Token sampling for batches: a row gets the token that it would have got alone, and its log-probability is kept.

Each row draws one number from a generator of its own, and the token whose share of the probabilities it falls into is
handed to the engine as the only one there is. So the engine's loop is greedy, and a row's draws depend on no other's.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor, StoppingCriteria

WordsOf = Callable[[Sequence[int]], str]


@dataclass(frozen=True)
class SamplingParams:
    """Sampling parameters of one request."""

    temperature: float
    """Divisor of the logits; 0 takes the most probable token."""
    top_p: float
    """Share of the probability that nucleus sampling draws from, the most probable tokens first; 1 is all tokens."""
    seed: int
    """Seed of the row's own generator, 0..2**63 - 1."""


class RowSampler(LogitsProcessor):
    """A logits processor that samples a token for each row and keeps its log-probability."""

    def __init__(self, draws: Sequence[SamplingParams], never: Sequence[int], device: torch.device) -> None:
        """Samples each row by its own parameters.

        Args:
            draws: the parameters, a row each.
            never: token ids that are not chosen.
            device: device of the logits, where the generators draw.
        """
        self._draws = tuple(draws)
        self._never = torch.tensor(never, dtype=torch.long)
        self._is_cold = torch.tensor([[draw.temperature == 0] for draw in draws])
        self._generators = [torch.Generator(device).manual_seed(draw.seed) for draw in draws]
        self._steps: list[torch.Tensor] = []  # (rows,) each

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Samples from logits (rows, vocabulary) float32: the token gets a score of 0, others minus infinity."""
        scores = scores.index_fill(1, self._never.to(scores.device), -torch.inf)
        logprobs = self._tempered(scores).log_softmax(1)
        shares = logprobs.exp().cumsum(1, dtype=torch.float64)
        # the last of the sums is 1 but for rounding; a token without a share is never the first to reach a number
        numbers = shares[:, -1:] * self._numbers(scores.device)
        drawn = torch.searchsorted(shares, numbers, right=True).clamp_max(scores.shape[1] - 1)
        chosen = torch.where(self._is_cold.to(scores.device), logprobs.argmax(1, keepdim=True), drawn)
        self._steps.append(logprobs.gather(1, chosen)[:, 0])
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    def keep(self, rows: Sequence[int]) -> None:
        """Drops all rows but these."""
        self._draws = tuple(self._draws[row] for row in rows)
        self._is_cold = self._is_cold[list(rows)]
        self._generators = [self._generators[row] for row in rows]
        self._steps = [step[list(rows)] for step in self._steps]

    @property
    def logprobs(self) -> list[list[float]]:
        """Natural logarithms of the probabilities of the sampled tokens, a list for each row.

        At temperature 0 nothing is drawn; these are then the model's own, at temperature 1.
        """
        rows: list[list[float]] = torch.stack(self._steps, dim=1).tolist()
        return rows

    def _tempered(self, scores: torch.Tensor) -> torch.Tensor:
        if all(draw.temperature in (0, 1) and draw.top_p == 1 for draw in self._draws):
            return scores
        rows = zip(scores, self._draws, strict=True)
        return torch.stack(
            [_keep_nucleus(row / draw.temperature, draw.top_p) if draw.temperature else row for row, draw in rows]
        )

    def _numbers(self, device: torch.device) -> torch.Tensor:
        """A uniform random number of each row, (rows, 1) float64 in [0, 1)."""
        each = [torch.rand(1, generator=one, dtype=torch.float64, device=device) for one in self._generators]
        return torch.stack(each)


def _keep_nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Logits (vocabulary,) with all but the most probable tokens that together reach `top_p` at minus infinity."""
    if top_p == 1:
        return logits
    probabilities, order = logits.softmax(0).sort(descending=True)
    reached_before = probabilities.cumsum(0) - probabilities
    left_out = order[reached_before >= top_p]
    return logits.index_fill(0, left_out, -torch.inf)


class StopAt(StoppingCriteria):
    """A stopping criterion that ends a row behind an end token or a stop string, and keeps the length.

    Where rows may leave, the engine is stopped as soon as half of them are done, to go on with the others.
    """

    _TAIL_TOKENS = 16
    """Tokens at a row's end that are searched for a stop string, of no more characters: a token has at least one."""
    _LEAVING_ROWS = 8
    """Rows of a batch that some may leave, at least: taking rows out copies the keys and values of the others."""

    def __init__(
        self,
        strings: Sequence[str],
        ends: Collection[int],
        words: WordsOf,
        prompt_length: int,
        rows: int,
        *,
        may_leave: bool = False,
    ) -> None:
        """Starts with no token generated.

        Args:
            strings: stop strings.
            ends: ids of end tokens.
            words: gives the text of token ids.
            prompt_length: ids before the first generated one.
            rows: number of rows.
            may_leave: whether the engine can go on with some of the rows.
        """
        assert max(map(len, strings)) <= self._TAIL_TOKENS, "the tail is too short for a stop string"
        self._strings = tuple(strings)
        self._ends = ends
        self._words = words
        self._prompt_length = prompt_length
        self._may_leave = may_leave
        self.lengths: list[int | None] = [None] * rows
        """Number of tokens of each row up to its end; None where the row goes on."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        """The rows that are done, (rows,) bool; all True where generation stops to go on without those that are."""
        length = input_ids.shape[1] - self._prompt_length
        for row, tail in enumerate(input_ids[:, -min(length, self._TAIL_TOKENS) :].tolist()):
            if self.lengths[row] is None and self._is_end(tail):
                self.lengths[row] = length
        done = [known is not None for known in self.lengths]
        is_time = self._may_leave and len(done) >= self._LEAVING_ROWS and 2 * sum(done) >= len(done)
        return torch.tensor([is_time or one for one in done], device=input_ids.device)

    def _is_end(self, tail: Sequence[int]) -> bool:
        return tail[-1] in self._ends or any(string in self._words(tail) for string in self._strings)

    def keep(self, rows: Sequence[int]) -> None:
        """Drops all rows but these."""
        self.lengths = [self.lengths[row] for row in rows]


def cut_at_stop(text: str, strings: Sequence[str]) -> str:
    """A text up to the first of the stop strings in it."""
    return text[: min((text.index(string) for string in strings if string in text), default=len(text))]
