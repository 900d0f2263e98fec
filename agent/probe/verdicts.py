"""Verdicts on the results of a probe: a row for each thing that can go wrong, with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.policies.openai_api.dialect import Dialect
from agent.probe.frames import LARGE, SMALL
from agent.probe.measured import Charts, Measured, Repeat, Rung

Verdict = Literal["ok", "warn", "fail"]

_READABLE_PIXELS = 20
"""Height of the smallest digits read at 640x360 up to which a reader is good. By judgement: no real model was at hand
to try it on."""
_UNREADABLE_PIXELS = 36
"""Height of the smallest digits read at 640x360 past which a sign on a street is lost. By judgement too."""
_SAME_SIZE = 1.4
"""Ratio of the smallest digits read in a zoom and in a small frame above which the zoom counts as shrunk; two
neighbouring rows of the chart are up to 1.35 apart."""
_USUAL_FRAME_TOKENS = 300
"""Tokens of a 640x360 frame that are named as usual."""
_DEAR_FRAME_TOKENS = 600
"""Tokens of a 640x360 frame above which a model is dear: twice the usual."""
_UNSEEN_FRAME_TOKENS = 60
"""Tokens of a frame below which they are hardly more than its time in words, which takes about 30; SmolVLM, which is
frugal, takes at least 64 for a picture alone."""

_LONGER = "a longer reply: --max-reply-tokens 4096; models that think at length need it"
_SHRUNK = "a weak reader, or frames are made smaller before the model sees them"


@dataclass(frozen=True)
class VerdictRow:
    """A verdict on one part of the probe: a row of the table."""

    part: str
    found: str
    verdict: Verdict
    advice: str = ""


def judge(measured: Measured) -> tuple[VerdictRow, ...]:
    """The rows of the table, the most important first."""
    found = [_judge_reply(measured), _judge_pictures(measured)]
    if any(rung.seen for rung in measured.rungs):
        found += [_judge_order(measured.rungs), _judge_times(measured)]
    if measured.charts is not None:
        found += [_judge_small_print(measured.charts), _judge_zoom(measured.charts, measured)]
    found += [
        _judge_call(measured),
        *_judge_server(measured.dialect),
        _judge_tokens(measured),
        *_judge_repeat(measured.repeat),
    ]
    found.append(_judge_training(measured))
    return tuple(found)


def is_fine(judged: tuple[VerdictRow, ...]) -> bool:
    """True if no row fails; warnings are allowed."""
    return all(row.verdict != "fail" for row in judged)


def _judge_reply(measured: Measured) -> VerdictRow:
    if measured.rungs[0].error:
        return VerdictRow("answers", "words, but not pictures", "ok")
    found = f"after {measured.first_seconds:.1f} s"
    if not measured.why_unusable:
        return VerdictRow("answers", f"{found}, in the form asked for", "ok")
    advice = _LONGER if measured.rungs[0].is_cut else "a model that follows instructions is needed"
    return VerdictRow("answers", f"{found}, but {measured.why_unusable}", "fail", advice)


def _judge_pictures(measured: Measured) -> VerdictRow:
    last = measured.rungs[-1]
    if not any(rung.seen for rung in measured.rungs):
        return _judge_blind(measured)
    if last.error:
        return _judge_refused(measured.rungs)
    if last.is_lossy and last.is_cut:
        found = f"not known: the reply to {last.sent} pictures was cut off at its token limit"
        return VerdictRow("pictures", found, "fail", _LONGER)
    if last.is_lossy:
        advice = f"ask for fewer: --max-pictures {len(last.seen)}" if last.seen else "use another server or model"
        return VerdictRow("pictures", f"{_describe_seen(last)} of {last.sent} in one request are seen", "fail", advice)
    slips = sum(rung.missed for rung in measured.rungs)
    asked = ", ".join(str(rung.sent) for rung in measured.rungs)
    if slips:
        return VerdictRow("pictures", f"{asked} in one request are seen, {slips} misread", "warn", "a weak reader")
    left_out = f"; of {last.pictures}, {last.left_out} were left out as --max-pictures says" if last.left_out else ""
    return VerdictRow("pictures", f"{asked} in one request: all seen{left_out}", "ok")


def _judge_blind(measured: Measured) -> VerdictRow:
    if measured.seen_beside_question:
        found = "seen beside the question, not in what tools bring"
        return VerdictRow("pictures", found, "fail", "--tools text, which sends them as the user's")
    if measured.rungs[0].error:
        advice = "another model, or --mode captions, which needs no pictures"
        return VerdictRow("pictures", f"none is taken: {measured.rungs[0].error}", "fail", advice)
    tokens = measured.frame_tokens
    if tokens is not None and tokens < _UNSEEN_FRAME_TOKENS:
        found = f"none is seen: {tokens:.0f} tokens a frame are hardly more than its time in words"
        return VerdictRow("pictures", found, "fail", "not a vision-language model, or the server ignores pictures")
    last = measured.rungs[-1]
    refused = f"; {last.sent} in one request are refused: {last.error}" if last.error else ""
    return VerdictRow(
        "pictures", f"no number is read in any picture{refused}", "fail", "an untrained model, or one that can't see"
    )


def _judge_refused(rungs: tuple[Rung, ...]) -> VerdictRow:
    last, before = rungs[-1], max((rung.sent for rung in rungs if not rung.error), default=0)
    found = f"{before} in one request are taken, {last.sent} refused: {last.error}"
    return VerdictRow("pictures", found, "fail", f"--max-pictures {before}, or raise the limit at the server")


def _describe_seen(rung: Rung) -> str:
    """The pictures of a rung that were seen, in words."""
    count, seen = len(rung.seen), set(rung.seen)
    if not seen:
        return "none"
    if seen == set(range(count)):
        return f"only the first {count}"
    if seen == set(range(rung.sent - count, rung.sent)):
        return f"only the last {count}"
    return f"only {count}"


def _judge_order(rungs: tuple[Rung, ...]) -> VerdictRow:
    several = [rung for rung in rungs if len(rung.seen) > 1]
    if not several:
        return VerdictRow("order", "not told: fewer than two pictures were seen", "warn")
    wrong = next((rung for rung in several if list(rung.seen) != sorted(rung.seen)), None)
    if wrong is None:
        return VerdictRow("order", "as sent", "ok")
    how = "reversed" if list(wrong.seen) == sorted(wrong.seen, reverse=True) else "another than the one sent"
    return VerdictRow(
        "order", f"{how}, with {wrong.sent} pictures", "fail", "times will be wrong: another server or model"
    )


def _judge_times(measured: Measured) -> VerdictRow:
    if len(measured.rungs) < 2 or measured.rungs[1].error:
        return VerdictRow("times", "not asked", "warn")
    sent, right = measured.rungs[1].sent, measured.times_right
    if right is None:
        return VerdictRow("times", "no time is told", "warn", "a weak reader of instructions")
    if right == sent:
        return VerdictRow("times", f"{right} of {sent} told with their frame", "ok")
    advice = "pictures and the words between them may be sent apart by the server"
    return VerdictRow(
        "times", f"{right} of {sent} told with their frame", "warn" if right > sent / 2 else "fail", advice
    )


def _judge_small_print(charts: Charts) -> VerdictRow:
    smallest, size = charts.small_pixels, f"{SMALL[0]}x{SMALL[1]}"
    if smallest is None:
        return VerdictRow(
            "small print", f"none is read at {size}", "fail", "frames are made smaller before the model sees them"
        )
    found = f"read down to {smallest} pixels at {size}"
    if smallest <= _READABLE_PIXELS:
        return VerdictRow("small print", found, "ok")
    verdict: Verdict = "warn" if smallest <= _UNREADABLE_PIXELS else "fail"
    return VerdictRow("small print", found, verdict, _SHRUNK)


def _judge_zoom(charts: Charts, measured: Measured) -> VerdictRow:
    if charts.error:
        return VerdictRow(
            "zoom", f"a 1280x720 picture is refused: {charts.error}", "fail", "allow larger pictures at the server"
        )
    small, large = charts.small_pixels, charts.large_pixels
    found = f"read down to {large} pixels at 1280x720" if large is not None else "none is read at 1280x720"
    if large is not None and (small is None or large <= _SAME_SIZE * small):
        return VerdictRow("zoom", found, "ok")
    if measured.setup is not None and measured.setup.max_frame_pixels < LARGE[0] * LARGE[1]:
        return VerdictRow("zoom", f"{found}; sent smaller, as --max-frame-pixels says", "ok")
    tokens, usual = measured.large_frame_tokens, measured.frame_tokens
    if tokens is not None and usual is not None and tokens < 1.5 * usual:
        found += f"; it takes {tokens:.0f} tokens, as many as a small one"
    return VerdictRow("zoom", found, "warn", "large pictures are made smaller on the way: zoom into smaller boxes")


def _judge_call(measured: Measured) -> VerdictRow:
    form = measured.setup.form if measured.setup is not None else "text"
    how = "by the server's own API" if form == "native" else "as <tool_call> in the text"
    if not measured.call_fault:
        return VerdictRow("tool call", f"made as told, {how}", "ok")
    advice = "another model"
    if measured.dialect is not None:  # a model in process knows the text form only
        other = "--tools text" if form == "native" else "tool calling turned on at the server"
        advice = f"{other}, or another model"
    return VerdictRow("tool call", f"not as told ({how}): {measured.call_fault}", "fail", advice)


def _judge_server(dialect: Dialect | None) -> Iterator[VerdictRow]:
    """The row of a server: what it refuses, and how it is asked since."""
    if dialect is None:
        return
    where = "inside tool messages" if dialect.tool_pictures == "inline" else "in a user message behind them"
    pictures = f"pictures of tools are sent {where}" if dialect.form == "native" else "calls and results go in the text"
    refused = f"; it does not take {', '.join(sorted(dialect.refused))}" if dialect.refused else ""
    greedy = {"temperature", "seed"} & dialect.refused
    advice = "replies can't be made the same each time" if greedy else ""
    cures = f"; asked for otherwise: {', '.join(dialect.adapted)}" if dialect.adapted else ""
    yield VerdictRow("server", pictures + refused + cures, "warn" if greedy else "ok", advice)


def _judge_tokens(measured: Measured) -> VerdictRow:
    if measured.frame_tokens is None and measured.bill.prompt_tokens is not None:
        return VerdictRow("tokens", "not told: fewer than two requests with pictures went through", "warn")
    if measured.frame_tokens is None:
        return VerdictRow("tokens", "the server counts none", "warn", "--max-tokens and --max-cost can't bind")
    large = f", {measured.large_frame_tokens:.0f} at 1280x720" if measured.large_frame_tokens is not None else ""
    found = f"{measured.frame_tokens:.0f} a frame of {SMALL[0]}x{SMALL[1]}{large}, its time in words included"
    if measured.frame_tokens > _DEAR_FRAME_TOKENS:
        return VerdictRow("tokens", found, "warn", f"{_USUAL_FRAME_TOKENS} are usual: show fewer or smaller frames")
    return VerdictRow("tokens", found, "ok")


def _judge_repeat(repeat: Repeat | None) -> Iterator[VerdictRow]:
    if repeat is None:
        return
    found = f"the same request took {repeat.once_seconds:.1f} s, and {repeat.again_seconds:.1f} s the second time"
    if repeat.cached_tokens is None or not repeat.tokens:
        yield VerdictRow("prefix cache", f"{found}; hits are not reported", "ok")
    else:
        share = repeat.cached_tokens / repeat.tokens
        found = f"{share:.0%} of its tokens were kept; {found}"
        advice = "" if share > 0.5 else "turn the server's prefix cache on: each turn sends all that came before"
        yield VerdictRow("prefix cache", found, "ok" if share > 0.5 else "warn", advice)
    same = "twice the same reply" if repeat.is_same else "two replies to the same request differ"
    yield VerdictRow(
        "repeatable", same, "ok" if repeat.is_same else "warn", "" if repeat.is_same else "usual for busy servers"
    )


def _judge_training(measured: Measured) -> VerdictRow:
    ids = "token ids" if measured.has_token_ids else "no token ids"
    logprobs = "log-probabilities" if measured.has_logprobs else "no log-probabilities"
    return VerdictRow(
        "for training", f"{ids}, {logprobs}", "ok", "" if measured.has_token_ids else "only training needs them"
    )
