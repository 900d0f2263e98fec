"""Families of boards, lists and forms: several values, each beside the name that a question asks for."""

from random import Random

from evals.ranker import vocabulary as v
from evals.ranker.shown import Ask, Row, Shown, ask, cased, column, date, paired, person, pick_unstated


def prices(rng: Random) -> Shown:
    """A menu or a price list, with hours and a name of the place."""
    items = rng.sample(v.DISHES, rng.randint(3, 6))
    cents = rng.choice([("",), (".00", ".20", ".50", ".80", ".95", ".99"), (".00", ".20", ".50", ".80", ".95", ".99")])
    amounts = rng.sample([f"{a}{b}" for a in range(1, 40) for b in cents], len(items))
    dress = rng.choice(["{}", "€{}", "${}", "{} €", "£{}", "{} EUR"])
    screen = rng.choice(["en", "en", "en", "de", "fr", "es"])
    pairs = [(cased(rng, item[screen]), dress.format(amount)) for item, amount in zip(items, amounts, strict=True)]
    hours = (
        f"{rng.randint(6, 11)}-{rng.randint(15, 22)}"
        if rng.random() < 0.5
        else f"{rng.randint(7, 11)}:00 - {rng.randint(16, 22)}:30"
    )
    place = rng.choice(v.SIGNS)
    if rng.random() < 0.2:
        texts, gap = [f"{label} {value}" for label, value in pairs], rng.choice(["  ", "    ", " / "])
        rows = column(rng, [gap.join(texts[i : i + 2]) for i in range(0, len(texts), 2)])
    else:
        rows = paired(rng, pairs)
    shown = Shown([rows, column(rng, [place, f"{rng.choice(['OPEN', 'Open', 'Opening hours'])} {hours}"], 0.2, 0.1)])
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
    absent = [item for item in v.DISHES if item not in items]
    shown.unstated = [
        *pick_unstated(rng, rng.sample(absent, 3), "price"),
        *pick_unstated(rng, items, "crowd", "owner", "extent"),
    ]
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
    return Shown([rows], asks=asks, unstated=pick_unstated(rng, cities, "duration", "fee", "owner", "crowd"))


def scores(rng: Random) -> Shown:
    """A score board with two teams."""
    teams, points = (
        rng.sample("LIONS BEARS EAGLES HAWKS WOLVES TIGERS SHARKS RAVENS HOME AWAY".split(), 2),
        rng.sample(range(100), 2),
    )
    pairs = [(cased(rng, team.title()), str(point)) for team, point in zip(teams, points, strict=True)]
    fouls, is_level = rng.sample(range(12), 2), rng.random() < 0.5
    word = rng.choice(["FOULS", "Fouls", "Timeouts", "Cards", "Sets"])
    board = paired(rng, pairs)
    if is_level:  # a column for each team
        places = (rng.uniform(0.05, 0.2), rng.uniform(0.55, 0.7))
        board = [
            row
            for x, (team, point), number in zip(places, pairs, fouls, strict=True)
            for row in ((team, x, 0.12, 0.1), (point, x + 0.02, 0.3, 0.2), (f"{word} {number}", x + 0.01, 0.75, 0.06))
        ]
    score = rng.choice(["{} - {}", "{}-{}", "{}:{}"]).format(*(rng.randint(0, 9) for _ in teams))
    is_joined = rng.random() < 0.3
    if is_joined:  # all in one row
        board = [(f"{pairs[0][0]} {score} {pairs[1][0]}", rng.uniform(0.02, 0.5), rng.uniform(0.03, 0.9), 0.06)]
    rows = [
        *board,
        (f"{rng.choice(['Q', 'P', 'SET '])}{rng.randint(1, 4)}", 0.45, 0.05, 0.04),
        (f"{rng.randint(0, 12):02}:{rng.randint(0, 59):02}", 0.8, 0.05, 0.05),
    ]
    asks = [Ask(ask(rng, "points", team.title()), (str(point),), 0) for team, point in zip(teams, points, strict=True)]
    if is_joined:
        asks = [Ask(ask(rng, "score"), (score,), 0)]
    elif is_level:
        asks += [
            Ask(
                rng.choice(
                    [
                        f"How many {word.lower()} do the {team.title()} have?",
                        f"How many {word.lower()} are there for {team.title()}?",
                    ]
                ),
                (str(number),),
                0,
            )
            for team, number in zip(teams, fouls, strict=True)
        ]
    return Shown(
        [rows], asks=asks, unstated=pick_unstated(rng, [team.title() for team in teams], "crowd", "owner", "age")
    )


def tables(rng: Random) -> Shown:
    """A table with heads of columns and labels of rows, in cells of their own."""
    heads = rng.choice(
        [
            ("small", "large"),
            ("adults", "children"),
            ("morning", "evening"),
            ("north", "south"),
            ("2022", "2023", "2024"),
            ("Monday", "Tuesday", "Wednesday"),
            ("men", "women"),
        ]
    )
    labels = rng.choice(
        [rng.sample(v.CITIES, rng.randint(2, 4)), [t["en"] for t in rng.sample(v.TOPICS + v.DISHES, 3)]]
    )
    of = rng.choice(["price", "number", "clock"])
    taken = rng.sample(range(10, 90), len(heads) * len(labels))
    dress = {
        "price": rng.choice(["{}", "€{}", "{}.50", "{} EUR"]),
        "number": "{}",
        "clock": f"{rng.randint(6, 20)}:{{}}",
    }[of]
    values = [dress.format(one % 50 + 10 if of == "clock" else one) for one in taken]
    across = [0.35 + 0.6 * i / len(heads) for i in range(len(heads))]
    rows: list[Row] = [(cased(rng, rng.choice(v.TITLES)), 0.08, 0.04, 0.07)] if rng.random() < 0.5 else []
    rows += [(cased(rng, head.title()), x, 0.2, 0.05) for head, x in zip(heads, across, strict=True)]
    asks, step = [], rng.uniform(0.08, 0.15)
    for i, label in enumerate(labels):
        rows.append((cased(rng, label.title()), 0.08, 0.3 + step * i, 0.05))
        for k, (head, x) in enumerate(zip(heads, across, strict=True)):
            value = values[i * len(heads) + k]
            rows.append((value, x + rng.choice([0.0, 0.01]), 0.3 + step * i, 0.05))
            phrases = {
                "price": ["How much is the {head} {label}?", "What does the {label} cost, {head}?"],
                "number": [
                    "Which number does {label} have for {head}?",
                    "How many are there at the {label} for {head}?",
                ],
                "clock": ["At what time is the {label} for {head}?", "What time is given for {label}, {head}?"],
            }[of]
            if values.count(value) == 1:
                asks.append(
                    Ask(
                        rng.choice(phrases).format(head=head, label=label.title()),
                        (value,) if of == "clock" else (value, str(taken[i * len(heads) + k])),
                        0,
                    )
                )
    return Shown([rows], asks=asks, unstated=pick_unstated(rng, labels, "age", "owner", "crowd", "parts"))


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
        unstated=pick_unstated(rng, cities, "crowd", "age", "owner", "parts"),
    )


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
    return Shown(
        list(map(list, scenes)), asks=asks, unstated=pick_unstated(rng, names, "age", "extent", "fee", "crowd")
    )


def leaflet(rng: Random) -> Shown:
    """Values of different types, each with its sign and most of them asked for; a number is said, too."""
    place, topic = rng.choice(v.SIGNS), rng.choice(v.TOPICS)
    phone = rng.choice(["0{} 555 {}", "+44 {} 555 0{}", "(0{}) 555-{}"]).format(
        rng.randint(20, 999), rng.randint(100, 999)
    )
    percent, price, year = str(rng.randint(2, 95)), str(rng.randint(2, 90)), str(rng.randint(1890, 2025))
    degrees, hour = str(rng.randint(-9, 38)), f"{rng.randint(6, 22)}:{rng.choice(['00', '15', '30'])}"
    money = rng.choice(["€{}", "${}", "{} €", "£{}", "{} EUR"]).format(price)
    rows = {
        "phone": (rng.choice(["Tel. {}", "Call {}", "{}"]).format(phone), (phone,)),
        "percent": (
            rng.choice(["{} % off", "{}% discount", "save {} percent"]).format(percent),
            (percent, f"{percent}%"),
        ),
        "price": (rng.choice(["{}", "from {}", "now {}", "only {}"]).format(money), (price, money)),
        "year": (rng.choice(["since {}", "est. {}", "founded {}"]).format(year), (year,)),
        "temperature": (rng.choice(["{}°", "{} °C", "{}°C"]).format(degrees), (degrees, f"{degrees}°C")),
        "clock": (rng.choice(["{}", "doors {}"]).format(hour), (hour,)),
    }
    shown_kinds = rng.sample(sorted(rows), rng.randint(2, 4))
    said = rng.choice(["We have been here for {} years.", "There are {} of us.", "I have told you {} times."])
    asked = {kind: topic if kind == "price" else {code: place.title() for code in v.LANGUAGES} for kind in rows}
    return Shown(
        [column(rng, [place, *(rows[kind][0] for kind in shown_kinds)])],
        [said.format(rng.choice(v.NUMBERS))],
        [
            Ask(ask(rng, kind, asked[kind]), right if kind in shown_kinds and kind != "price" else (), 0)
            for kind, (_, right) in rows.items()
        ],
        pick_unstated(rng, [place.title()], "parts", "owner", "extent"),
    )


def panel(rng: Random) -> Shown:
    """Several people with name cards beside one another."""
    count = rng.randint(2, 3)
    jobs, names = rng.sample(v.JOBS, count), [person(rng) for _ in range(count)]
    rows: list[Row] = []
    for i, (name, job) in enumerate(zip(names, jobs, strict=True)):
        rows += [(name, 0.05 + 0.9 * i / count, 0.75, 0.06), (job, 0.05 + 0.9 * i / count, 0.83, 0.04)]
    place, at = rng.choice([("left", 0), ("right", -1)])
    asks = [Ask(ask(rng, "name at", v.PLACES[place]), (names[at],), 0)]
    for name, job in zip(names, jobs, strict=True):
        asks += [
            Ask(rng.choice([f"Who is the {job.lower()}?", f"What is the name of the {job.lower()}?"]), (name,), 0),
            Ask(rng.choice([f"What is {name.split()[0]}'s job?", f"What is the profession of {name}?"]), (job,), 0),
        ]
    return Shown([rows], asks=asks, unstated=pick_unstated(rng, names, "age", "extent", "fee", "crowd"))
