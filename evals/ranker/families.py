"""Families of screens and talks with facts, as lines that a video could show, and questions about them.

A family draws its own values and never sees a real clip. Fitting holds out whole families to measure generalisation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from evals.ranker import vocabulary as v

Row = tuple[str, float, float, float]
"""A line of screen text as (text, left, top, height), in fractions of the picture."""


@dataclass(frozen=True)
class Ask:
    """A generated question with its accepted answers."""

    question: str
    right: tuple[str, ...]
    scene: int | None = None
    """Index of the screen that shows the answer; None where it is said."""
    points: bool = False
    """Whether the picture there, and not the words, matches the question."""
    timed: bool = False
    """Whether the question needs to name the second."""


@dataclass
class Shown:
    """Screens, speech and questions that a family puts into a video."""

    scenes: list[list[Row]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)


def ask(rng: Random, kind: str, x: str | dict[str, str] = "", english: float = 0.6) -> str:
    """A random phrasing of a question, in one of the six languages.

    Args:
        rng: source of randomness.
        kind: kind of question, a key of the phrasings.
        x: word that the question is about, or its translations by language.
        english: share of questions in English, 0..1.
    """
    language = "en" if rng.random() < english else rng.choice(v.LANGUAGES)
    word = x if isinstance(x, str) else x[language]
    return rng.choice(v.PHRASINGS[kind][language]).format(x=word)


def cased(rng: Random, text: str) -> str:
    """The text in capitals or unchanged, at random, as screens write."""
    return text.upper() if rng.random() < 0.5 else text


def column(rng: Random, texts: list[str], left: float = 0.1, height: float = 0.06) -> list[Row]:
    """Rows below one another, at a random distance.

    Args:
        rng: source of randomness.
        texts: text of each row.
        left: left end of the rows, 0..1.
        height: height of a row, 0..1.
    """
    top, gap = rng.uniform(0.05, 0.3), height * rng.uniform(1.3, 2.2)
    return [(text, left, top + gap * i, height) for i, text in enumerate(texts)]


def paired(rng: Random, pairs: list[tuple[str, str]]) -> list[Row]:
    """Rows of labels with values, in one text or as two texts in a row."""
    if rng.random() < 0.5:
        link = rng.choice([" ", ": ", "  ", " - ", " ... "])
        return column(rng, [f"{label}{link}{value}" for label, value in pairs])
    rows = column(rng, [label for label, _ in pairs])
    right = rng.uniform(0.45, 0.75)
    return [
        row
        for (label, x, y, h), (_, value) in zip(rows, pairs, strict=True)
        for row in ((label, x, y, h), (value, right, y, h))
    ]


def person(rng: Random) -> str:
    """A random full name."""
    return f"{rng.choice(v.FIRST)} {rng.choice(v.LAST)}"


def date(rng: Random) -> str:
    """A random date in one of the usual formats."""
    month, day, year = rng.choice(v.MONTHS), rng.randint(1, 28), rng.randint(1995, 2029)
    return rng.choice(
        [
            f"{month} {day}, {year}",
            f"{day} {month} {year}",
            f"{year}-{rng.randint(1, 12):02}-{day:02}",
            f"{day:02}/{rng.randint(1, 12):02}/{year}",
            f"{month.upper()} {day}, {year}",
        ]
    )


def prices(rng: Random) -> Shown:
    """A menu or a price list, with hours and a name of the place."""
    items = rng.sample(v.DISHES, rng.randint(3, 6))
    amounts = rng.sample([f"{a}.{b}" for a in range(1, 40) for b in ("00", "20", "50", "80", "95", "99")], len(items))
    dress = rng.choice(["{}", "€{}", "${}", "{} €", "£{}", "{} EUR"])
    screen = rng.choice(["en", "en", "en", "de", "fr", "es"])
    pairs = [(cased(rng, item[screen]), dress.format(amount)) for item, amount in zip(items, amounts, strict=True)]
    hours = (
        f"{rng.randint(6, 11)}-{rng.randint(15, 22)}"
        if rng.random() < 0.5
        else f"{rng.randint(7, 11)}:00 - {rng.randint(16, 22)}:30"
    )
    place = rng.choice(v.SIGNS)
    shown = Shown(
        [paired(rng, pairs), column(rng, [place, f"{rng.choice(['OPEN', 'Open', 'Opening hours'])} {hours}"], 0.2, 0.1)]
    )
    for item, amount in zip(items, amounts, strict=True):
        x = item if screen == "en" or rng.random() < 0.5 else item[screen]
        shown.asks.append(Ask(ask(rng, "price", x), (amount, dress.format(amount)), 0))
    shown.asks.append(
        Ask(
            rng.choice(
                [
                    "When do they open?",
                    "What are the opening hours?",
                    "When is it open?",
                    "At what time does the shop open?",
                ]
            ),
            (hours, hours.split("-")[0].strip()),
            1,
        )
    )
    return shown


def departures(rng: Random) -> Shown:
    """A departure board of trains, one a row."""
    cities = rng.sample(v.CITIES, rng.randint(2, 5))
    rows, asks, y = [], [], rng.uniform(0.1, 0.3)
    for number, city in enumerate(cities):
        at, platform, late = (
            f"{rng.randint(5, 23)}:{rng.randint(0, 59):02}",
            str(rng.randint(1, 24)),
            str(rng.randint(5, 55)),
        )
        top = y + 0.12 * number
        name = cased(rng, city)
        if rng.random() < 0.5:
            rows += [
                (f"{at} {name}", 0.1, top, 0.06),
                (f"{rng.choice(['PLATFORM', 'Platform', 'Gleis'])} {platform}", 0.6, top, 0.06),
            ]
        else:
            rows += [(at, 0.1, top, 0.06), (name, 0.3, top, 0.06), (platform, 0.7, top, 0.06)]
        asks += [Ask(ask(rng, "departure", city), (at,), 0), Ask(ask(rng, "platform", city), (platform,), 0)]
        if len(cities) == 2 and not number:
            rows.append((f"DELAYED {late} MIN", 0.1, 0.8, 0.06))
            asks.append(
                Ask(
                    rng.choice(
                        [
                            "How many minutes is the train delayed?",
                            "How much delay is announced, in minutes?",
                            "How many minutes late is it?",
                        ]
                    ),
                    (late,),
                    0,
                )
            )
        asks.append(
            Ask(
                rng.choice(
                    [
                        f"Which city does the {at} train go to?",
                        f"Where does the train at {at} go?".replace(" at ", " of "),
                    ]
                ),
                (city, name),
                0,
            )
        )
    return Shown([rows], asks=asks)


def scores(rng: Random) -> Shown:
    """A score board with two teams."""
    teams, points = (
        rng.sample("LIONS BEARS EAGLES HAWKS WOLVES TIGERS SHARKS RAVENS HOME AWAY".split(), 2),
        rng.sample(range(100), 2),
    )
    pairs = [(cased(rng, team.title()), str(point)) for team, point in zip(teams, points, strict=True)]
    rows = [
        *paired(rng, pairs),
        (f"{rng.choice(['Q', 'P', 'SET '])}{rng.randint(1, 4)}", 0.45, 0.05, 0.04),
        (f"{rng.randint(0, 12):02}:{rng.randint(0, 59):02}", 0.8, 0.05, 0.05),
    ]
    return Shown(
        [rows],
        asks=[
            Ask(ask(rng, "points", team.title()), (str(point),), 0) for team, point in zip(teams, points, strict=True)
        ],
    )


def cards(rng: Random) -> Shown:
    """A name card of the speaker, shown, said or both."""
    name, job, where = person(rng), rng.choice(v.JOBS), rng.choice(v.ORGANISATIONS)
    titled = rng.choice(["", "", "Dr. ", "Prof. "]) + name
    written, spoken = rng.choice([(True, False), (False, True), (True, True)])
    shown = Shown()
    right = (name, titled)
    if written:
        lines = rng.choice([[titled, job, where], [titled, job], [titled, f"{job}, {where}"]])
        top = rng.uniform(0.5, 0.75)
        shown.scenes.append(
            [
                (cased(rng, text), rng.choice([0.08, 0.1, 0.1]), top + 0.08 * i, 0.07 if not i else 0.05)
                for i, text in enumerate(lines)
            ]
        )
    if spoken:
        lowered = job.lower()
        a = "an" if lowered[0] in "aeiou" else "a"
        shown.said = rng.choice(
            [
                [f"Hi, I'm {name}.", f"I'm {a} {lowered} at {where}."],
                [f"Good morning. My name is {name}.", f"I work as {a} {lowered} for {where}."],
                [f"Hello everyone, {name} here, {lowered} at {where}."],
                [f"This is {name}, who is {a} {lowered} at the {where}."],
            ]
        ) + rng.sample(
            [
                "Today I want to show you something.",
                "Let us begin.",
                "It is a lovely day.",
                "We have a lot to do.",
                "Thank you for having me.",
            ],
            2,
        )
    scene = 0 if written else None
    first = name.split()[0]
    has_where = spoken or any(where.casefold() in row[0].casefold() for row in shown.scenes[0])
    shown.asks = [
        Ask(ask(rng, "name"), right, scene),
        Ask(ask(rng, "job"), (job,), scene),
        Ask(f"What is {first}'s job?", (job,), scene),
        Ask(rng.choice([f"Who is the {job.lower()}?", f"What is the name of the {job.lower()}?"]), right, scene),
    ]
    if has_where:
        shown.asks += [
            Ask(ask(rng, "workplace"), (where,), scene),
            Ask(
                rng.choice(
                    [
                        f"Which organisation does {first} belong to?",
                        f"At which place does {first} say that the work is?",
                        f"Which company does {first} work for?",
                    ]
                ),
                (where,),
                scene,
            ),
        ]
    return shown


def terminal(rng: Random) -> Shown:
    """A terminal with commands and their output."""
    program, file, gone, module = (
        rng.choice(v.PROGRAMS),
        rng.choice(v.FILES),
        rng.choice(v.FILES),
        rng.choice(v.MODULES),
    )
    version, size, port = (
        f"{rng.randint(1, 30)}.{rng.randint(0, 40)}.{rng.randint(0, 9)}",
        str(rng.randint(100, 99999)),
        str(rng.randint(1000, 9999)),
    )
    failed, passed, a, b = rng.randint(1, 9), rng.randint(10, 99), rng.randint(2, 99), rng.randint(2, 99)
    shuffled = rng.sample(range(1, 10), 9)
    user = rng.choice(["$", ">", f"{rng.choice(v.FIRST).lower()}@box:~$", "#"])
    blocks: list[tuple[list[str], list[tuple[str, str]]]] = [
        (
            [
                f"{user} {program} --version",
                rng.choice([f"{program} version {version}", f"{program.title()} {version}", f"{program} v{version}"]),
            ],
            [(f"Which version of {program} is installed?", version), (f"What version does {program} report?", version)],
        ),
        (
            [f"{user} wc -c {file}", f"{size} {file}"],
            [
                (f"How many bytes does the file {file} have?", size),
                (f"How big is {file}?", size),
                (f"How many bytes are in {file}?", size),
            ],
        ),
        (
            [f"{user} pytest", f"{failed} failed, {passed} passed in {rng.randint(1, 9)}.{rng.randint(10, 99)}s"],
            [
                ("How many tests failed?", str(failed)),
                ("How many tests passed?", str(passed)),
                ("How many tests did succeed?", str(passed)),
                ("How many tests were not successful?", str(failed)),
            ],
        ),
        (
            [f"{user} python app.py", f"ModuleNotFoundError: No module named '{module}'"],
            [
                ("Which module is missing?", module),
                ("Which module could not be imported?", module),
                ("What is the name of the module that was not found?", module),
            ],
        ),
        (
            [f"{user} cat {gone}", f"cat: {gone}: No such file or directory"],
            [("Which file is missing?", gone), ("Which file could not be opened?", gone)],
        ),
        (
            [f"{user} python -c 'print({a}*{b})'", str(a * b)],
            [
                ("Which number does the Python program print?", str(a * b)),
                ("What number is the result of the command?", str(a * b)),
                ("Which number is printed?", str(a * b)),
            ],
        ),
        (
            [f"{user} node server.js", f"Listening on port {port}"],
            [("Which port number does the server use?", port), ("On what port number does it listen?", port)],
        ),
        (
            [f"{user} python -c 'import random; print(shuffle(9))'", str(shuffled)],
            [
                ("Which number comes first in the shuffled list?", str(shuffled[0])),
                ("Which number is the first of the list?", str(shuffled[0])),
                ("What number is last in the list?", str(shuffled[-1])),
            ],
        ),
    ]
    chosen = rng.sample(blocks, rng.randint(2, 5))
    rows = column(rng, [text for texts, _ in chosen for text in texts], 0.02, 0.035)
    return Shown(
        [rows], asks=[Ask(question, (right,), 0) for _, found in chosen for question, right in [rng.choice(found)]]
    )


def banner(rng: Random) -> Shown:
    """A news banner: a headline with a date and a place."""
    headline, when, where = rng.choice(v.HEADLINES), date(rng), rng.choice(v.CITIES)
    about = rng.choice(v.CITIES + v.BRANDS)
    rows: list[Row] = [
        (cased(rng, headline), 0.08, 0.78, 0.07),
        (cased(rng, where), 0.08, 0.7, 0.04),
        (when, rng.choice([0.08, 0.7]), 0.88, 0.04),
        (rng.choice(["LIVE", "NEWS 24", "BREAKING", "WORLD"]), 0.85, 0.05, 0.05),
    ]
    asks = [
        Ask(ask(rng, "date"), (when,), 0),
        Ask(
            rng.choice(
                [
                    "What does the banner say?",
                    "What is the headline?",
                    "Which headline is shown?",
                    "Was steht auf dem Banner?",
                    "¿Qué dice el titular escrito?",
                ]
            ),
            (headline,),
            0,
        ),
        Ask(
            rng.choice(["Which city is on the banner?", "Where is this?", "Which place is named on screen?"]),
            (where,),
            0,
        ),
    ]
    if rng.random() < 0.4:
        who = rng.choice(["Minister", "Mayor", "President", "Speaker"])
        rows[0] = (
            f"{who} {rng.choice(v.LAST)} {rng.choice(['statement on', 'talks about', 'speech on'])} {about}",
            0.08,
            0.78,
            0.07,
        )
        asks = [
            asks[0],
            Ask(
                rng.choice(
                    [
                        "What is it about, according to the banner?",
                        "What is the speech about, according to the text on screen?",
                        "Which topic is named on the banner?",
                    ]
                ),
                (about,),
                0,
            ),
        ]
    return Shown([rows], asks=asks)


def signs(rng: Random) -> Shown:
    """Street signs: one, or several in different places."""
    count = rng.choice([1, 1, 2, 3, 4])
    texts = rng.sample(v.SIGNS, count)
    spots = rng.sample([("left", 0.05, 0.4), ("right", 0.7, 0.45), ("top", 0.4, 0.05), ("bottom", 0.4, 0.85)], count)
    rows: list[Row] = []
    for text, (_, x, y) in zip(texts, spots, strict=True):
        height, parts = rng.uniform(0.03, 0.09), text.split()
        if len(parts) > 1 and rng.random() < 0.6:
            cut = rng.randint(1, len(parts) - 1)
            rows += [(" ".join(parts[:cut]), x, y, height), (" ".join(parts[cut:]), x, y + 1.25 * height, height)]
        else:
            rows.append((text, x, y, height))
    shown = Shown([rows])
    if count == 1:
        shown.asks = [
            Ask(ask(rng, "sign"), (texts[0],), 0),
            Ask(
                rng.choice(
                    [
                        f"What does the {noun} sign on the {thing} say?"
                        for noun in ("blue", "red", "small")
                        for thing in ("lamp post", "roof", "door", "wall")
                    ]
                ),
                (texts[0],),
                0,
            ),
            Ask(
                rng.choice(
                    [
                        "Which word is on the jacket?",
                        "Which letters are embroidered on the cap?",
                        "What is written on the side of the bus?",
                        "Which word do the letters form?",
                    ]
                ),
                (texts[0],),
                0,
            ),
        ]
    for text, (place, _, _) in zip(texts, spots, strict=True):
        if count > 1:
            shown.asks.append(Ask(ask(rng, "sign at", v.PLACES[place]), (text,), 0))
    return shown


def slides(rng: Random) -> Shown:
    """Slides with a title and points, one after another."""
    shown = Shown()
    for scene, title in enumerate(rng.sample(v.TITLES, rng.randint(1, 3))):
        things, share, year = rng.sample(v.TOPICS, 2), rng.randint(2, 98), rng.randint(1950, 2030)
        count, name = rng.randint(3, 400), person(rng)
        points = rng.sample(
            [
                (
                    f"Visitors up by {share} percent",
                    rng.choice(["By how many percent did visitors rise?", "How many percent more visitors are there?"]),
                    str(share),
                ),
                (
                    f"Founded in {year}",
                    rng.choice(["In which year was it founded?", "What year was it founded?"]),
                    str(year),
                ),
                (
                    f"{count} {things[0]['en']} sites in {things[1]['en']} areas",
                    f"How many {things[0]['en']} sites are there?",
                    str(count),
                ),
                (f"Contact: {name}", rng.choice(["Who is the contact?", "Whom can one contact?"]), name),
                (f"Built by {name}", rng.choice(["Who built it?", "Who is said to have built it?"]), name),
            ],
            3,
        )
        shown.scenes.append([(cased(rng, title), 0.1, 0.1, 0.1), *column(rng, [p[0] for p in points], 0.12, 0.05)])
        shown.scenes[-1][1:] = [(t, x, y + 0.2, h) for t, x, y, h in shown.scenes[-1][1:]]
        shown.asks += [
            Ask(ask(rng, "title"), (title,), scene, timed=True),
            *(Ask(question, (right,), scene, timed=True) for _, question, right in points),
        ]
    return shown


def talk(rng: Random) -> Shown:
    """Sentences of a talk with facts in them."""
    shown = Shown()
    for topic in rng.sample(v.TOPICS, rng.randint(3, 6)):
        x, number, city, who = topic["en"], rng.choice(v.NUMBERS), rng.choice(v.CITIES), person(rng)
        amount, month, day = (
            f"{rng.choice(v.NUMBERS)} {rng.choice(['million', 'thousand', 'hundred'])}",
            rng.choice(v.MONTHS),
            rng.choice("first second third fifth tenth twelfth twentieth".split()),
        )
        brand = rng.choice(v.BRANDS)
        facts: list[tuple[str, list[tuple[str, tuple[str, ...]]]]] = [
            (f"The {x} opens on the {day} of {month}.", [(ask(rng, "opening", topic), (f"{day} of {month}",))]),
            (
                f"It took {number} years to plan the {x}.",
                [
                    (
                        rng.choice(
                            [
                                f"How many years did it take to plan the {x}?",
                                "How many years of planning are mentioned?",
                            ]
                        ),
                        (number,),
                    )
                ],
            ),
            (f"The {x} cost {amount} euros.", [(ask(rng, "price", topic), (amount, f"{amount} euros"))]),
            (
                f"We built the {x} in {city}, and we are proud of it.",
                [
                    (
                        rng.choice(
                            [
                                f"Where was the {x} built?",
                                f"In which city was the {x} built?",
                                f"Which city does she mention for the {x}?",
                            ]
                        ),
                        (city,),
                    )
                ],
            ),
            (
                f"My friend {who} designed the {x}.",
                [(rng.choice([f"Who designed the {x}?", f"Who does he say designed the {x}?"]), (who,))],
            ),
            (
                f"About {amount} people visit the {x} every year.",
                [
                    (
                        rng.choice([f"How many people visit the {x}?", f"How many visitors does the {x} have?"]),
                        (amount,),
                    )
                ],
            ),
            (
                f"I wrote a program called {brand} for the {x}.",
                [
                    (
                        rng.choice(
                            [
                                "Which program did he write?",
                                f"What is the program for the {x} called?",
                                "Which software does the speaker say he made?",
                            ]
                        ),
                        (brand,),
                    )
                ],
            ),
        ]
        sentence, asks = rng.choice(facts)
        shown.said.append(sentence if rng.random() < 0.8 else sentence.lower())
        shown.asks += [Ask(q, right) for q, right in asks]
    return shown


def recipe(rng: Random) -> Shown:
    """Quantities of a recipe, written or said."""
    eggs, grams, minutes = rng.choice(v.NUMBERS[:6]), str(rng.randint(2, 9) * 50), str(rng.randint(2, 12) * 5)
    figure = str(v.NUMBERS.index(eggs) + 2)
    asks = [("eggs", (figure, eggs)), ("grams of sugar", (grams,)), ("minutes", (minutes,))]
    if rng.random() < 0.5:
        rows = column(rng, [f"{figure} eggs", f"{grams} g sugar", f"Bake for {minutes} minutes", "a pinch of salt"])
        return Shown([rows], asks=[Ask(ask(rng, "count", x, 1.0), right, 0) for x, right in asks[:1] + asks[2:]])
    said = [
        f"You need {eggs} eggs and some butter.",
        f"Then we add {grams} grams of sugar.",
        f"It bakes for {minutes} minutes.",
    ]
    return Shown(
        said=said,
        asks=[
            Ask(
                rng.choice([ask(rng, "count", x, 1.0), f"How many {x} do we need?", f"How many {x} does she mention?"]),
                right,
            )
            for x, right in asks
        ],
    )


def film_credits(rng: Random) -> Shown:
    """Film credits with roles, names and software."""
    roles = rng.sample(
        [
            ("Directed by", "directed the film"),
            ("Music by", "wrote the music"),
            ("Written by", "wrote the film"),
            ("Camera", "held the camera"),
            ("Edited by", "edited it"),
            ("Produced by", "produced the film"),
        ],
        3,
    )
    people = [person(rng) for _ in roles]
    rows = paired(rng, [(cased(rng, label), cased(rng, name)) for (label, _), name in zip(roles, people, strict=True)])
    if rng.random() < 0.4:
        rows = column(
            rng, [text for (label, _), name in zip(roles, people, strict=True) for text in (label, cased(rng, name))]
        )
    software = rng.choice(v.BRANDS)
    rows.append(
        (
            rng.choice(
                [
                    f"Made with {software}",
                    f"Powered by {software}",
                    f"This video was made with {software}",
                    f"Rendered in {software}",
                ]
            ),
            0.3,
            0.92,
            0.05,
        )
    )
    asks = [Ask(f"Who {did}?", (name,), 0) for (_, did), name in zip(roles, people, strict=True)]
    return Shown(
        [rows],
        asks=[
            *asks,
            Ask(
                rng.choice(
                    [
                        "Which software was the video made with?",
                        "What program was used to make it?",
                        "Which software does the last card name?",
                        "Quel logiciel a servi à faire le film ?",
                        "Mit welcher Software wurde der Film gemacht?",
                    ]
                ),
                (software,),
                0,
            ),
        ],
    )


def clocks(rng: Random) -> Shown:
    """A running clock, beside other text."""
    start, sign = rng.randint(60, 4000), rng.choice([1, -1])
    shown = Shown()
    for scene in range(rng.randint(2, 5)):
        value = max(0, start + sign * scene * rng.randint(5, 9))
        text = f"{value // 60:02}:{value % 60:02}"
        shown.scenes.append(
            [
                (text, 0.35, 0.4, rng.uniform(0.05, 0.3)),
                *([(rng.choice(v.BRANDS), 0.05, 0.9, 0.03)] if rng.random() < 0.5 else []),
            ]
        )
        shown.asks.append(Ask(ask(rng, "clock"), (text,), scene, timed=True))
    return shown


def forms(rng: Random) -> Shown:
    """A receipt or a form: labels with values."""
    order, total, table, when = (
        str(rng.randint(1000, 99999)),
        f"{rng.randint(5, 400)}.{rng.randint(0, 99):02}",
        str(rng.randint(1, 60)),
        date(rng),
    )
    guest = person(rng)
    pairs = [("Order No.", order), ("Total", total), ("Table", table), ("Date", when), ("Customer", guest)]
    asks = [
        (rng.choice(["What is the order number?", "Which number does the order have?"]), order),
        (rng.choice(["What is the total amount?", "How much is the total?", "How much was paid in total?"]), total),
        (rng.choice(["Which table number is it?", "What is the number of the table?"]), table),
        (ask(rng, "date"), when),
        (rng.choice(["Who is the customer?", "What is the name of the customer?", "Whose order is it?"]), guest),
    ]
    return Shown([paired(rng, rng.sample(pairs, 5))], asks=[Ask(question, (right,), 0) for question, right in asks])


def weather(rng: Random) -> Shown:
    """Temperatures of cities on a map."""
    cities, degrees = rng.sample(v.CITIES, 4), [str(d) for d in rng.sample(range(-9, 38), 4)]
    dress = rng.choice(["{}", "{}°", "{}°C", "{} C"])
    rows: list[Row] = []
    for i, (city, degree) in enumerate(zip(cities, degrees, strict=True)):
        x, y = 0.1 + 0.4 * (i % 2), 0.15 + 0.4 * (i // 2)
        rows += [
            (cased(rng, city), x, y, 0.04),
            (dress.format(degree), x + rng.choice([0.0, 0.15]), y + rng.choice([0.0, 0.05]), 0.05),
        ]
        if rows[-1][1] == x and rows[-1][2] == y:
            rows[-1] = (rows[-1][0], x, y + 0.05, 0.05)
    return Shown(
        [rows],
        asks=[
            Ask(ask(rng, "temperature", city), (degree, dress.format(degree)), 0)
            for city, degree in zip(cities, degrees, strict=True)
        ],
    )


def products(rng: Random) -> Shown:
    """A label of a product with brand, weight, date and country."""
    brand, grams, when, land = (
        rng.choice(v.BRANDS),
        str(rng.randint(1, 20) * 50),
        date(rng),
        rng.choice("Portugal Norway Chile Japan Italy Kenya Poland".split()),
    )
    rows: list[Row] = [
        (cased(rng, brand), 0.3, 0.3, 0.14),
        (rng.choice(["Fine oat biscuits", "Orange marmalade", "Green tea", "Wood glue"]), 0.3, 0.5, 0.05),
        (f"{grams} g", 0.3, 0.6, 0.04),
        (f"Best before {when}", 0.3, 0.7, 0.03),
        (f"Made in {land}", 0.3, 0.8, 0.03),
    ]
    return Shown(
        [rows],
        asks=[
            Ask(
                rng.choice(
                    [
                        "Which brand is it?",
                        "What brand is on the box?",
                        "Welche Marke ist es?",
                        "Which name is on the packet?",
                    ]
                ),
                (brand,),
                0,
            ),
            Ask(rng.choice(["How many grams does it weigh?", "How many grams are in it?"]), (grams,), 0),
            Ask(
                rng.choice(
                    ["Which date is printed on it?", "What is the best before date?", "Until which date does it keep?"]
                ),
                (when,),
                0,
            ),
            Ask(
                rng.choice(["Where was it made?", "Which country does it come from?", "In which country was it made?"]),
                (land,),
                0,
            ),
        ],
    )


def captions(rng: Random) -> Shown:
    """Captions that come one after another."""
    shown = Shown()
    for scene, animal in enumerate(rng.sample(v.ANIMALS, rng.randint(3, 6))):
        count, adjective = rng.choice(v.NUMBERS[:5]), rng.choice(v.ADJECTIVES)
        many = rng.random() < 0.3
        text = (
            f"{count.title()} {adjective} {animal['en']}s"
            if many
            else rng.choice(
                [
                    f"A {adjective} {animal['en']}",
                    f"The {animal['en']} is {adjective}",
                    f"A (very {adjective}) {animal['en']}",
                ]
            )
        )
        if many and rng.random() < 0.5:
            parts = text.split(" ", 1)
            shown.scenes.append([(parts[0], 0.4, 0.6, 0.08), (parts[1], 0.3, 0.72, 0.08)])
        else:
            shown.scenes.append([(cased(rng, text), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.9), 0.07)])
        shown.asks.append(Ask(ask(rng, "caption", animal), (text,), scene))
        if many:
            shown.asks.append(Ask(ask(rng, "count", {**animal, "en": animal["en"] + "s"}), (count,), scene))
    return shown


def tags(rng: Random) -> Shown:
    """Numbers and words on tags beside things that only the picture shows."""
    shown = Shown()
    for scene, thing in enumerate(
        rng.sample("teapot penguin bell umbrella cactus anchor kite drum pear boot".split(), rng.randint(2, 5))
    ):
        text = str(rng.randint(10, 9999)) if rng.random() < 0.6 else rng.choice(v.SIGNS).split()[0]
        shown.scenes.append([(text, rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.8), 0.04)])
        question = (
            f"Which number is on the {rng.choice(['tag', 'label', 'card'])} beside the {thing}?"
            if text.isdigit()
            else f"Which word is {rng.choice(['written beside', 'on the tag next to'])} the {thing}?"
        )
        shown.asks.append(Ask(question, (text,), scene, points=True))
    return shown


def jerseys(rng: Random) -> Shown:
    """Names and numbers on the backs of players."""
    names, numbers = rng.sample(v.LAST, 3), [str(n) for n in rng.sample(range(1, 99), 3)]
    scenes = [
        [(name.upper(), 0.4, 0.3, 0.05), (number, 0.43, 0.38, 0.14)]
        for name, number in zip(names, numbers, strict=True)
    ]
    asks = [
        Ask(
            rng.choice(
                [
                    f"Which number does {name} wear?",
                    f"What number is on the back of {name}?",
                    f"What is the jersey number of {name}?",
                ]
            ),
            (number,),
            i,
        )
        for i, (name, number) in enumerate(zip(names, numbers, strict=True))
    ]
    asks += [
        Ask(
            rng.choice(
                [
                    f"Which player wears number {number}?",
                    f"What is the name of the player with the number {number}?",
                    f"Who wears the jersey with number {number}?",
                ]
            ),
            (name,),
            i,
        )
        for i, (name, number) in enumerate(zip(names, numbers, strict=True))
    ]
    return Shown(list(map(list, scenes)), asks=asks)


def counting_aloud(rng: Random) -> Shown:
    """Three numbers that are said in a row."""
    row = rng.sample(v.NUMBERS[:9], 3) if rng.random() < 0.5 else ["three", "two", "one"]
    said = [
        rng.choice([f"{', '.join(row)}, go", f"and now {', '.join(row)}.", f"{' '.join(row)} and off we go"]),
        rng.choice(["All systems are ready.", "The engines are running."]),
        f"At {rng.choice(v.NUMBERS)} hundred metres.",
    ]
    rng.shuffle(said)
    return Shown(
        said=said,
        asks=[
            Ask(
                rng.choice(
                    [
                        "Which three numbers are said aloud?",
                        "Which three numbers does the announcer count?",
                        "What three numbers are read out?",
                    ]
                ),
                (", ".join(row),),
            )
        ],
    )


def pictures(rng: Random) -> Shown:
    """Questions that only pictures could answer: neither screen text nor speech does."""
    topic = rng.choice(v.ANIMALS + v.TOPICS)
    return Shown(
        asks=[
            Ask(ask(rng, "picture", topic), ()),
            Ask(ask(rng, "seen number", topic), ()),
            Ask(ask(rng, "seen name", topic), ()),
        ]
    )


SCREENS: dict[str, Callable[[Random], Shown]] = {
    made.__name__: made
    for made in (
        prices,
        departures,
        scores,
        cards,
        terminal,
        banner,
        signs,
        slides,
        talk,
        recipe,
        film_credits,
        clocks,
        forms,
        weather,
        products,
        captions,
        tags,
        jerseys,
        counting_aloud,
        pictures,
    )
}
