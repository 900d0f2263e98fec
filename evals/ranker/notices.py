"""Families of text on a picture: name cards, banners, signs, slides, credits, labels, captions and clocks."""

from random import Random

from evals.ranker import vocabulary as v
from evals.ranker.shown import Ask, Row, Shown, ask, cased, column, date, paired, person, pick_unstated


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
    shown.unstated = pick_unstated(rng, [first, name, where], "speaker's age", "age", "fee", "crowd", "parts", "owner")
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
    return Shown([rows], asks=asks, unstated=pick_unstated(rng, [where], "crowd", "fee", "age", "duration"))


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
    shown = Shown([rows], unstated=pick_unstated(rng, [t.title() for t in texts], "parts", "fee", "year", "owner"))
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
        shown.unstated += pick_unstated(rng, [t["en"] for t in things], "fee", "age", "extent", "owner")
        shown.scenes[-1][1:] = [(t, x, y + 0.2, h) for t, x, y, h in shown.scenes[-1][1:]]
        shown.asks += [
            Ask(ask(rng, "title"), (title,), scene, timed=True),
            *(Ask(question, (right,), scene, timed=True) for _, question, right in points),
        ]
    return shown


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
        unstated=pick_unstated(rng, ["the film", *people], "age", "fee", "owner", "extent"),
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
        unstated=pick_unstated(rng, [brand], "fee", "year", "owner", "parts"),
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
            Ask(
                rng.choice(["How many grams does it weigh?", "How many grams are in it?", "How heavy is it?"]),
                (grams,),
                0,
            ),
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
        shown.unstated += pick_unstated(rng, [animal], "age", "extent", "owner", "fee")
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
