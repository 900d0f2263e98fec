"""Families of what a viewer would note down: addresses to write to, and the points of an agenda."""

from random import Random

from evals.ranker import vocabulary as v
from evals.ranker.shown import Ask, Shown, ask, column, paired, person, pick_unstated


def contacts(rng: Random) -> Shown:
    """How to reach somebody, under the clock and the battery of a telephone."""
    name, place = person(rng), rng.choice(v.BRANDS).lower()
    ending = rng.choice(["com", "org", "net", "de", "fr"])
    email = f"{rng.choice(['info', 'hello', 'office', name.split()[0].lower()])}@{place}.{ending}"
    website = rng.choice(["www.{}.{}", "{}.{}", "https://www.{}.{}"]).format(place, ending)
    phone = rng.choice(["555-0{}", "212-555-0{}", "1-800-555-0{}", "0171 555 0{}"]).format(rng.randint(100, 199))
    clock, battery = f"{rng.randint(6, 22):02}:{rng.randint(0, 59):02}", str(rng.randint(5, 99))
    rows = {
        "email": (rng.choice(["{}", "E-mail: {}", "Mail {}"]).format(email), (email,)),
        "website": (rng.choice(["{}", "Web: {}", "Visit {}"]).format(website), (website,)),
        "phone": (rng.choice(["Call {}", "Tel. {}", "{}"]).format(phone), (phone,)),
    }
    shown = rng.sample(sorted(rows), rng.randint(1, 3))
    status = [(clock, 0.05, 0.02, 0.04), (f"{battery}%", 0.85, 0.02, 0.04)]
    asked = dict.fromkeys(v.LANGUAGES, name.split()[0])
    asks = [Ask(ask(rng, kind, asked), right if kind in shown else (), 0) for kind, (_, right) in rows.items()]
    asks.append(Ask(ask(rng, "battery"), (battery, f"{battery}%"), 0))
    event, hour = rng.choice(v.TOPICS), rng.randint(2, 11)
    when = rng.choice([f"at {hour}?", f"at {hour} pm", f"{hour}:30"])
    is_told = rng.random() < 0.5  # else there is the time of the telephone alone, which is that of nothing else
    told = [f"{event['en'].title()} {when}"] * is_told
    asks.append(Ask(ask(rng, "starting", event), (str(hour), when.removeprefix("at ").rstrip("?")) * is_told, 0))
    return Shown(
        [[*status, *column(rng, [name, *(rows[kind][0] for kind in shown), *told])]],
        asks=asks,
        unstated=pick_unstated(rng, [name], "age", "fee", "crowd"),
    )


def agenda(rng: Random) -> Shown:
    """A numbered list, of which a point is asked for by its place."""
    points = rng.sample(v.TITLES, rng.randint(3, 5))
    mark = rng.choice(["{}. {}", "{}) {}", "{}: {}"])
    rows = [mark.format(number, point) for number, point in enumerate(points, 1)]
    head = rng.choice(["Agenda", "Programme", "Today", "Contents", "To do"])
    at = rng.randrange(min(4, len(points)))
    word = rng.choice(["first", "second", "third", "fourth"][at : at + 1])
    noun = rng.choice(["point", "item", "topic", "entry", "part"])
    question = rng.choice(["What is the {} {} on the {}?", "Which {} {} is on the {}?"]).format(
        word, noun, rng.choice([head.lower(), "list", "agenda"])
    )
    speaker, minutes = person(rng), str(rng.randint(2, 12) * 5)
    beside = paired(rng, [("Chair", speaker), ("Minutes", minutes)])
    return Shown(
        [column(rng, [head, *rows], height=0.05), beside],
        asks=[
            Ask(question, (points[at],), 0),
            Ask(rng.choice(["Who is the chair?", "Who chairs the meeting?"]), (speaker,), 1),
        ],
        unstated=pick_unstated(rng, points[:2], "fee", "owner", "crowd"),
    )
