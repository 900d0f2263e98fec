"""Families of talks, where facts are said; and of questions that neither speech nor screen text answers."""

from random import Random

from evals.ranker import vocabulary as v
from evals.ranker.shown import Ask, Shown, ask, column, person, pick_unstated


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
                f"The {x} closes at {number} in the evening.",
                [(rng.choice([f"When does the {x} close?", f"At what time does the {x} close?"]), (number,))],
            ),
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
            (
                f"The {x} is {number} {rng.choice(['metres', 'feet', 'miles'])} "
                f"{(side := rng.choice(['high', 'long', 'deep']))}.",
                [(f"How {side} is the {x}?", (number,))],
            ),
            (f"The {x} is {number} years old.", [(ask(rng, "age", topic), (number,))]),
            (
                f"It took us {number} {rng.choice(['years', 'months', 'weeks', 'days'])} to build the {x}.",
                [
                    (
                        rng.choice([f"How long did it take to build the {x}?", f"How long did they build the {x}?"]),
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
        kinds = ["parts", "owner", "year", "speaker's age"] + ([] if f"{x} is " in sentence else ["age", "extent"])
        shown.unstated += pick_unstated(rng, [topic], *kinds)
        if "cost" not in sentence:
            shown.unstated.append(("price", topic))
        shown.said.append(sentence if rng.random() < 0.8 else sentence.lower())
        shown.asks += [Ask(q, right) for q, right in asks]
    return shown


def recipe(rng: Random) -> Shown:
    """Quantities of a recipe, written or said."""
    eggs, grams, minutes = rng.choice(v.NUMBERS[:6]), str(rng.randint(2, 9) * 50), str(rng.randint(2, 12) * 5)
    figure = str(v.NUMBERS.index(eggs) + 2)
    asks = [("eggs", (figure, eggs)), ("grams of sugar", (grams,)), ("minutes", (minutes,))]
    unstated = pick_unstated(rng, ["the eggs", "the sugar", "the salt"], "fee", "age", "temperature", "owner")
    if rng.random() < 0.5:
        rows = column(rng, [f"{figure} eggs", f"{grams} g sugar", f"Bake for {minutes} minutes", "a pinch of salt"])
        return Shown(
            [rows],
            asks=[Ask(ask(rng, "count", x, 1.0), right, 0) for x, right in asks[:1] + asks[2:]],
            unstated=unstated,
        )
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
        ]
        + [
            Ask(
                rng.choice(["How long does it bake?", "How long must it bake?", "Wie lange muss es backen?"]),
                (minutes,),
            )
        ],
        unstated=unstated,
    )


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
