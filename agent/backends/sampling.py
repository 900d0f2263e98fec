"""How the next token is chosen: a row of a batch gets what it would have got alone, and the probability is kept.

Each row draws one number from a generator of its own, and the token whose share of the probabilities it falls into is
handed to the engine as the only one there is. So the engine's loop is greedy, and a row's draws depend on no other's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor, StoppingCriteria

WordsOf = Callable[[Sequence[int]], str]


@dataclass(frozen=True)
class Draw:
    """How one request wants its tokens chosen."""

    temperature: float
    """0 takes the most probable."""
    top_p: float
    """1 takes any; less leaves out the least probable that make up the rest."""
    seed: int
    """0..2**63 - 1."""


class Sampler(LogitsProcessor):
    """Chooses a token for each row and remembers its log-probability."""

    def __init__(self, draws: Sequence[Draw], never: Sequence[int], device: torch.device) -> None:
        """Chooses as `draws` say, a row each; the token ids in `never` are not chosen."""
        self._draws = tuple(draws)
        self._never = torch.tensor(never, dtype=torch.long)
        self._is_cold = torch.tensor([[draw.temperature == 0] for draw in draws])
        self._generators = [torch.Generator(device).manual_seed(draw.seed) for draw in draws]
        self._steps: list[torch.Tensor] = []  # (rows,) each

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """(rows, vocabulary) scores of which each row's largest is the token chosen; logits in, float32."""
        scores = scores.index_fill(1, self._never.to(scores.device), -torch.inf)
        logprobs = self._tempered(scores).log_softmax(1)
        shares = logprobs.exp().cumsum(1, dtype=torch.float64)
        # the last of the sums is 1 but for rounding; a token without a share is never the first to reach a number
        numbers = shares[:, -1:] * self._numbers(scores.device)
        drawn = torch.searchsorted(shares, numbers, right=True).clamp_max(scores.shape[1] - 1)
        chosen = torch.where(self._is_cold.to(scores.device), logprobs.argmax(1, keepdim=True), drawn)
        self._steps.append(logprobs.gather(1, chosen)[:, 0])
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    @property
    def logprobs(self) -> list[list[float]]:
        """Rows of natural logarithms of the probabilities of the tokens, as they were drawn.

        At temperature 0 nothing is drawn; these are then the model's own, at temperature 1.
        """
        rows: list[list[float]] = torch.stack(self._steps, dim=1).tolist()
        return rows

    def _tempered(self, scores: torch.Tensor) -> torch.Tensor:
        if all(draw.temperature in (0, 1) and draw.top_p == 1 for draw in self._draws):
            return scores
        rows = zip(scores, self._draws, strict=True)
        return torch.stack(
            [_nucleus(row / draw.temperature, draw.top_p) if draw.temperature else row for row, draw in rows]
        )

    def _numbers(self, device: torch.device) -> torch.Tensor:
        """(rows, 1) in 0..1, double."""
        each = [torch.rand(1, generator=one, dtype=torch.float64, device=device) for one in self._generators]
        return torch.stack(each)


def _nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """The logits with all but the most probable that together reach `top_p` at minus infinity."""
    if top_p == 1:
        return logits
    probabilities, order = logits.softmax(0).sort(descending=True)
    reached_before = probabilities.cumsum(0) - probabilities
    left_out = order[reached_before >= top_p]
    return logits.index_fill(0, left_out, -torch.inf)


class StopAt(StoppingCriteria):
    """Ends a row where one of some strings has appeared in what it wrote, and remembers where that was."""

    _TAIL_TOKENS = 16
    """A stop string of so many characters is never longer, as a token has at least one."""

    def __init__(self, strings: Sequence[str], words: WordsOf, prompt_length: int, rows: int) -> None:
        assert max(map(len, strings)) <= self._TAIL_TOKENS, "the tail is too short for a stop string"
        self._strings = tuple(strings)
        self._words = words
        self._prompt_length = prompt_length
        self.lengths: list[int | None] = [None] * rows
        """Tokens of each row up to the end of its stop string; None where there is none."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        """(rows,) bool: True for the rows that are done."""
        length = input_ids.shape[1] - self._prompt_length
        for row, tail in enumerate(input_ids[:, -min(length, self._TAIL_TOKENS) :].tolist()):
            if self.lengths[row] is None and any(string in self._words(tail) for string in self._strings):
                self.lengths[row] = length
        return torch.tensor([length is not None for length in self.lengths], device=input_ids.device)


def before_stop(text: str, strings: Sequence[str]) -> str:
    """The text up to the first of the strings."""
    return text[: min((text.index(string) for string in strings if string in text), default=len(text))]
