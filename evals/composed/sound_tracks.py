"""Sound tracks of composed videos: music, a voice that says who left what where, and questions about both.

A track has music, the voice, or both, one after the other, and silence around them. The voice is espeak-ng's, a program
of the system; the music is drawn chords with decaying harmonics.
"""

import io
import random
import subprocess
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.composed.families import OPTIONS
from evals.composed.held_out import names_of
from evals.composed.recipe import Split

Sound = NDArray[np.float32]

RATE = 16_000
"""Samples a second."""
_PEOPLE = "Maria Peter Anna David Laura Simon Helen Robert".split()
_THINGS = (
    "umbrella camera guitar suitcase blanket ladder hammer basket lantern candle helmet bicycle mirror kettle carpet "
    "notebook pillow bottle jacket wallet trumpet violin compass telephone".split()
)
_PLACES = (
    "kitchen garden garage library station cellar bathroom attic office church museum harbour stable theatre hospital "
    "bakery airport castle forest laundry school hotel market tunnel".split()
)
_SENTENCES = 3
"""Sentences that a voice says."""
_MUSIC_SECONDS = (5.0, 8.0)
"""Least and greatest length of the music."""
_INTERVAL_SECONDS = 5.0
"""Length of the intervals among which a start is asked."""
_CLEAR_SECONDS = 1.0
"""Least distance of a start from the border of its interval."""
_LEAST_PAUSE_SECONDS = 2.0
"""Least silence between music and voice: a shorter pause may be heard as none."""
_ALONE = 0.25
"""Share of tracks without music, and as many without a voice."""
_OPEN_SHARE = 0.5
"""Share of questions about what is said that have no options."""
_BEAT_SECONDS = 0.4
"""Length of a beat; a tone lasts for two."""
_ROOTS = (220.0, 174.6, 261.6, 196.0)
"""Roots of the chords in Hz, four beats each."""
_CHORD, _MELODY = (1.0, 1.26, 1.5), (2.0, 2.52, 3.0, 4.0)
"""Tones of a chord and of the melody above it, as multiples of the root."""


@dataclass(frozen=True)
class HeardQuestion:
    """A question about a sound track, with its answer."""

    family: str
    text: str
    options: tuple[str, ...]
    """Options of the question; () for an open one."""
    answer: str
    evidence_seconds: tuple[float, float] | None
    """Span that answers it; None where nothing does."""
    needs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ComposedSound:
    """A sound track with its questions."""

    sound: Sound
    """(S,) float32 in -1..1, mono, `RATE` samples a second."""
    questions: tuple[HeardQuestion, ...]


def compose_sound_track(name: str, seed: int, number: int, seconds: float, split: Split) -> ComposedSound:
    """Composes the sound track of a video; the same arguments give the same sound and questions.

    Args:
        name: name of the video.
        seed: seed of the set.
        number: number of the video in the set.
        seconds: length of the video, at least 30.
        split: split of the things and places that may be named.

    Raises:
        ValueError: there is no espeak-ng.
    """
    rng = random.Random(f"{name}/sound/{seed}/{number}")
    kind = rng.random()
    facts = _draw_facts(rng, split) if kind >= _ALONE else ()
    voice = speak(" ".join(f"{who} left the {thing} in the {place}." for who, thing, place in facts)) if facts else None
    music = play_music(rng.uniform(*_MUSIC_SECONDS), rng) if kind < 1 - _ALONE else None
    parts = [part for part in (music, voice) if part is not None]
    if rng.random() < 0.5:
        parts.reverse()
    starts = _place_starts(rng, [len(part) / RATE for part in parts], seconds)
    sound = np.zeros(round(seconds * RATE), np.float32)
    spans: dict[int, tuple[float, float]] = {}
    for part, start in zip(parts, starts, strict=True):
        sound[(first := round(start * RATE)) : first + len(part)] = part
        spans[id(part)] = (start, start + len(part) / RATE)
    played, said = (None if part is None else spans[id(part)] for part in (music, voice))
    questions = [
        _ask_presence(played),
        *_ask_start(rng, "music", played, seconds),
        *_ask_start(rng, "speech", said, seconds),
    ]
    asked = [rng.choice(questions)]
    if said is not None:
        asked.append(_ask_place(rng, facts, said, split))
    return ComposedSound(sound, tuple(asked))


def speak(words: str, words_a_minute: int = 140) -> Sound:
    """The words, said by espeak-ng: (S,) float32 in -1..1, mono, `RATE` samples a second.

    Raises:
        ValueError: there is no espeak-ng.
    """
    import av

    command = ["espeak-ng", "-s", str(words_a_minute), "--stdout", words]
    try:
        said = subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise ValueError("a voice needs espeak-ng: install it, as with apt-get install espeak-ng") from error
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(io.BytesIO(said), "r") as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]])


def play_music(seconds: float, rng: random.Random) -> Sound:
    """Chords with a melody above them: (S,) float32 in -1..1, mono, `RATE` samples a second."""
    sound = np.zeros(round(seconds * RATE))
    for beat in range(int(seconds / _BEAT_SECONDS)):
        root = _ROOTS[beat // 4 % len(_ROOTS)]
        first = round(beat * _BEAT_SECONDS * RATE)
        rest = sound[first : first + round(2 * _BEAT_SECONDS * RATE)]
        at = np.arange(len(rest)) / RATE
        for tone in (0.5, rng.choice(_MELODY), *(_CHORD if beat % 4 == 0 else ())):
            for harmonic in range(1, 6):
                rest += np.sin(2 * np.pi * root * tone * harmonic * at) / harmonic**1.5 * np.exp(-2.5 * at)
    return np.asarray(sound / np.abs(sound).max() / 4, np.float32)


def _draw_facts(rng: random.Random, split: Split) -> tuple[tuple[str, str, str], ...]:
    """Who left what where, each named once."""
    things, places = (names_of(split, names, OPTIONS, "words") for names in (_THINGS, _PLACES))
    drawn = (rng.sample(names, _SENTENCES) for names in (_PEOPLE, things, places))
    return tuple(zip(*drawn, strict=True))


def _place_starts(rng: random.Random, lengths: list[float], seconds: float) -> list[float]:
    """Starts of parts in time order, each well inside an interval; drawn anew until all fit."""
    intervals = int(seconds / _INTERVAL_SECONDS)
    while True:
        chosen = sorted(rng.sample(range(intervals), len(lengths)))
        starts = [
            (n + 0.5) * _INTERVAL_SECONDS + rng.uniform(-1, 1) * (_INTERVAL_SECONDS / 2 - _CLEAR_SECONDS)
            for n in chosen
        ]
        stops = [start + length for start, length in zip(starts, lengths, strict=True)]
        nexts = [*(start - _LEAST_PAUSE_SECONDS for start in starts[1:]), seconds]
        if all(stop <= after for stop, after in zip(stops, nexts, strict=True)):
            return starts


def _ask_presence(played: tuple[float, float] | None) -> HeardQuestion:
    answer = "no" if played is None else "yes"
    return HeardQuestion("music", "Is there music in the video?", ("yes", "no"), answer, played, ("sounds",))


def _ask_start(rng: random.Random, kind: str, span: tuple[float, float] | None, seconds: float) -> list[HeardQuestion]:
    if span is None:
        return []
    spans = [f"{at:g}-{at + _INTERVAL_SECONDS:g} s" for at in np.arange(0, seconds, _INTERVAL_SECONDS)]
    answer = spans[int(span[0] / _INTERVAL_SECONDS)]
    wrong = rng.sample([one for one in spans if one != answer], OPTIONS - 1)
    options = tuple(rng.sample([answer, *wrong], OPTIONS))
    return [HeardQuestion("start", f"When does the {kind} start?", options, answer, span, ("sounds",))]


def _ask_place(
    rng: random.Random, facts: tuple[tuple[str, str, str], ...], said: tuple[float, float], split: Split
) -> HeardQuestion:
    who, thing, place = rng.choice(facts)
    others = [name for *_, name in facts if name != place]
    more = [name for name in names_of(split, _PLACES, OPTIONS, "words") if name not in (place, *others)]
    options = [place, *others, *rng.sample(more, OPTIONS - 1 - len(others))]
    is_open = rng.random() < _OPEN_SHARE
    chosen = () if is_open else tuple(rng.sample(options, OPTIONS))
    text = f"Where did {who} leave the {thing}, as it is said?"
    return HeardQuestion("said", text, chosen, place, said, ("speech",))
