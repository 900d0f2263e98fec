"""Families of screens with commands, errors, fields, tables and lists, where the answer is a part of a line."""

from collections.abc import Callable
from random import Random

from evals.ranker import vocabulary as v
from evals.ranker.shown import Ask, Row, Shown, ask, cased, column, date, paired, person

_ERRORS: tuple[tuple[str, str, str], ...] = (
    ("module", "Which module is missing?", "ImportError: No module named {x}"),
    ("module", "Which module could not be loaded?", "ModuleNotFoundError: No module named '{x}'"),
    ("module", "What is the name of the module that was not found?", "Error: Cannot find module '{x}'"),
    ("package", "Which package could not be found?", "E: Unable to locate package {x}"),
    ("package", "Which package is not installed?", "package '{x}' is not installed"),
    ("package", "What package was not found?", 'error: package "{x}" does not exist'),
    ("command", "Which command was not found?", "bash: {x}: command not found"),
    ("command", "Which command does the shell not know?", "zsh: command not found: {x}"),
    ("program", "Which program is not recognised?", "'{x}' is not recognized as an internal or external command"),
    ("variable", "Which variable is not defined?", "NameError: name '{x}' is not defined"),
    ("variable", "What variable is undefined?", "error: undefined variable `{x}`"),
    ("key", "Which key is missing?", "KeyError: '{x}'"),
    ("host", "Which host could not be reached?", "ssh: Could not resolve hostname {x}: Name or service not known"),
    ("server", "What server is not answering?", "ERROR server {x} does not respond (timeout)"),
    ("image", "Which image was not found?", "docker: Error: image {x} not found"),
    ("function", "Which function does not exist?", "TypeError: {x} is not a function"),
    ("library", "Which library can't be loaded?", "error while loading shared libraries: lib{x}.so: cannot open"),
    ("branch", "Which branch does not exist?", "fatal: branch '{x}' does not exist"),
    ("user", "Which user is unknown?", "chown: invalid user: '{x}'"),
    ("table", "Which table is missing?", "ERROR: relation table {x} does not exist"),
    ("service", "Which service failed?", "systemd[1]: Failed to start service {x}."),
    ("column", "Which column is unknown?", "Unknown column '{x}' in field list"),
    ("option", "Which option is not known?", "error: unrecognized option --{x}"),
    ("repository", "Which repository was not found?", "fatal: repository '{x}' not found"),
)


def draw_prompt(rng: Random) -> str:
    """A random prompt of a command line."""
    user, host = rng.choice(v.FIRST).lower(), rng.choice("box web01 laptop station pi srv-2".split())
    folder = rng.choice(["~", "~/work", "/srv/app", "~/code"])
    return rng.choice(["$", "#", ">", "%", f"{user}@{host}:{folder}$", f"{user}@{host}:{folder}$", f"{user}@{host} %"])


def lay_out_blocks(rng: Random, blocks: list[list[str]]) -> list[Row]:
    """Rows of commands with their output, with gaps between blocks."""
    rows = column(rng, [text for block in blocks for text in (*block, "")], rng.uniform(0.01, 0.05), 0.03)
    return [row for row in rows if row[0]]


def sums(rng: Random) -> Shown:
    """Typed calculations with their output, which is not a number of the command."""
    a, b, sign = rng.randint(2, 999), rng.randint(2, 99), rng.choice("+*-")
    result = str({"+": a + b, "*": a * b, "-": a - b}[sign])
    language, typed = rng.choice(
        [
            ("Python", f"{draw_prompt(rng)} python3 -c 'print({a}{sign}{b})'"),
            ("Python", f">>> {a} {sign} {b}"),
            ("Python", f">>> print({a} {sign} {b})"),
            ("Node", f'{draw_prompt(rng)} node -p "{a}{sign}{b}"'),
            ("Ruby", f"{draw_prompt(rng)} ruby -e 'puts {a} {sign} {b}'"),
            ("shell", f"{draw_prompt(rng)} echo $(({a} {sign} {b}))"),
            ("bc", f'{draw_prompt(rng)} echo "{a}{sign}{b}" | bc'),
            ("Perl", f"{draw_prompt(rng)} perl -e 'print {a}{sign}{b}'"),
        ]
    )
    questions = [
        f"Which number does the {language} command print?",
        f"What number does the {language} program output?",
        "Which number is printed?",
        "What number does the command print?",
        "What is the result of the calculation, which number?",
        "Which number is the result?",
        "What number comes out of the calculation?",
    ]
    others = rng.sample(_draw_commands(rng), rng.randint(0, 3))
    blocks = [[typed, result], *([command, *printed] for command, printed, _, _ in others)]
    rng.shuffle(blocks)
    return Shown(
        [lay_out_blocks(rng, blocks)], asks=[Ask(question, (result,), 0) for question in rng.sample(questions, 2)]
    )


def _draw_commands(rng: Random) -> list[tuple[str, list[str], str, str]]:
    """Commands with their output, and a question with its answer each."""
    start, word, file = draw_prompt(rng), rng.choice(v.ADJECTIVES), rng.choice(v.FILES)
    user, host, branch = (
        rng.choice(v.FIRST).lower(),
        rng.choice("alder birch cedar maple rowan".split()),
        rng.choice("feature/login fix-typos release-2 docs/map wip-colors".split()),
    )
    lines, used, pid = rng.randint(3, 900), rng.randint(11, 97), rng.randint(200, 40000)
    seconds, count = f"{rng.randint(1, 59)}.{rng.randint(100, 999)}", rng.randint(2, 60)
    return [
        (f"{start} whoami", [user], "Which user is logged in?", user),
        (f"{start} hostname", [host], "What is the name of the host?", host),
        (f"{start} echo {word} {word}", [f"{word} {word}"], "Which words does echo print?", f"{word} {word}"),
        (f"{start} wc -l {file}", [f"{lines} {file}"], f"How many lines does {file} have?", str(lines)),
        (f"{start} git status", [f"On branch {branch}"], "Which branch is checked out?", branch),
        (f"{start} pwd", [f"/home/{user}/{word}"], "Which folder does pwd print?", f"/home/{user}/{word}"),
        (f"{start} df -h /", ["Filesystem Size Used Use%", f"/dev/sda1 250G 97G {used}%"], "", ""),
        (f"{start} pgrep nginx", [str(pid)], "Which process number does nginx have?", str(pid)),
        (f"{start} time make", [f"real 0m{seconds}s"], "", ""),
        (f"{start} seq 1 3", ["1", "2", "3"], "", ""),
        (f"{start} ls | wc -l", [str(count)], "Which number does the ls command print?", str(count)),
        (
            f"{start} make test",
            [f"FAILED: {count} of {count + lines} checks"],
            rng.choice(["How many checks failed?", "How many checks did not succeed?"]),
            str(count),
        ),
    ]


def shell(rng: Random) -> Shown:
    """A shell with several commands and the output of each."""
    chosen = rng.sample(_draw_commands(rng), rng.randint(3, 6))
    rows = lay_out_blocks(rng, [[command, *printed] for command, printed, _, _ in chosen])
    return Shown([rows], asks=[Ask(question, (answer,), 0) for _, _, question, answer in chosen if question])


def failures(rng: Random) -> Shown:
    """Errors that name something missing: the name is asked for, not the message."""
    blocks, asks = list[list[str]](), []
    for _, question, message in rng.sample(_ERRORS, rng.randint(1, 3)):
        name = rng.choice(v.MODULES) + rng.choice(["", "", "", "2", "-core", "_io"])
        trace = ["Traceback (most recent call last):", f'  File "main.py", line {rng.randint(1, 99)}, in <module>']
        before = trace if "Error: " in message and rng.random() < 0.5 else []
        typed = rng.choice([f"python main.py --{name}", f"make {name}", f"./run.sh {rng.randint(1, 9)}", "npm start"])
        blocks.append([f"{draw_prompt(rng)} {typed}", *before, message.format(x=name)])
        asks.append(Ask(question, (name, f"lib{name}.so", f"--{name}"), 0))
    blocks += [[command, *printed] for command, printed, _, _ in rng.sample(_draw_commands(rng), rng.randint(0, 2))]
    rng.shuffle(blocks)
    return Shown([lay_out_blocks(rng, blocks)], asks=asks)


def fields(rng: Random) -> Shown:
    """Labels with values in words, as in settings, data sheets or configuration files: the value is asked for."""
    values = {
        "Status": rng.choice(["Running", "out of order", "waiting for approval", "completed"]),
        "Owner": person(rng),
        "Language": rng.choice("Portuguese Norwegian Greek Korean Welsh".split()),
        "Mode": rng.choice(["night", "read only", "flight", "power saving"]),
        "Material": rng.choice(["oak", "stainless steel", "recycled paper", "wool"]),
        "Address": f"{rng.randint(1, 99)} {rng.choice(['Mill Road', 'Park Street', 'Harbour Road', 'Station Street'])}",
        "Project": rng.choice(v.BRANDS),
        "Email": f"{rng.choice(v.FIRST).lower()}@{rng.choice(v.BRANDS).lower()}.org",
        "Device": f"{rng.choice(v.BRANDS)} {rng.randint(2, 900)}",
        "Size": f"{rng.randint(2, 90)} x {rng.randint(2, 90)} cm",
        "Speed": f"{rng.randint(10, 300)} km/h",
        "Date": date(rng),
        "Items": str(rng.randint(2, 300)),
    }
    some = rng.sample(sorted(values), rng.randint(4, 7))
    if rng.random() < 0.3:
        rows = column(rng, [f"{label.lower()}{rng.choice(['=', ' = '])}{values[label]}" for label in some], 0.05, 0.04)
    else:
        rows = paired(rng, [(cased(rng, label), values[label]) for label in some])
    asks = []
    for label in some:
        x, value = label.lower(), values[label]
        question = rng.choice([f"What is the {x}?", f"Which {x} is shown?", f"What {x} does it say?"])
        question = {"Owner": "Who is the owner?", "Items": "How many items are there?"}.get(label, question)
        asks.append(Ask(question, (value, *value.split()[:1]) if label in ("Speed", "Items") else (value,), 0))
    return Shown([rows], asks=asks)


def listings(rng: Random) -> Shown:
    """Listings whose rows have several numbers: the words of the row tell which is meant."""
    files, rows, asks = rng.sample(v.FILES, rng.randint(3, 5)), [], []
    long, month = rng.random() < 0.6, rng.choice(v.MONTHS)[:3]
    for file in files:
        size, day, year = str(rng.randint(10, 99999)), rng.randint(1, 28), rng.randint(2015, 2026)
        owner = rng.choice(v.FIRST).lower()
        rows.append(f"-rw-r--r-- 1 {owner} {owner} {size} {month} {day} {year} {file}" if long else f"{size} {file}")
        asks += [
            Ask(f"How many bytes does {file} have?", (size,), 0),
            Ask(f"How many bytes does the file {file} have?", (size,), 0),
            Ask(rng.choice([f"How big is {file}?", f"How large is the file {file}?"]), (size,), 0),
            Ask(f"Which file has {size} bytes?", (file,), 0),
        ]
    head = f"{draw_prompt(rng)} {rng.choice(['ls -l', 'dir', 'll']) if long else rng.choice(['wc -c *', 'du -b *'])}"
    return Shown([lay_out_blocks(rng, [[head, f"total {rng.randint(8, 900)}", *rows]])], asks=asks)


def sequences(rng: Random) -> Shown:
    """Lists in one line, of numbers or words, asked for by position."""
    typed = rng.random() < 0.5
    items = (
        [str(n) for n in rng.sample(range(1, 99), rng.randint(4, 9))]
        if rng.random() < 0.5
        else [row["en"] for row in rng.sample(v.DISHES + v.ANIMALS, rng.randint(3, 6))]
    )
    is_number = items[0].isdigit()
    noun = "number" if is_number else rng.choice(["word", "item", "entry"])
    kind = rng.choice(["shuffled", "sorted", "random", "printed", "whole"])
    places = [("first", 0), ("second", 1), ("third", 2), ("last", -1), ("first", 0), ("last", -1)]
    link = rng.choice([" ", ", ", "; "]) if is_number else rng.choice([", ", "; "])
    text = link.join(items)
    text = rng.choice([text, f"[{text}]"]) if is_number else text
    name = rng.choice(["shuf", "sort", "random.sample", "sample"])
    program = rng.choice([f"seq 1 {len(items)} | {name}", f"python {name}.py {len(items)}", f"{name} list.txt"])
    command = f"{draw_prompt(rng)} {program}"
    label = rng.choice([f"{kind} list: {text}", f"{kind.title()}: {text}", text])
    rows = lay_out_blocks(rng, [[command, text]]) if typed else column(rng, [label, rng.choice(v.TITLES)], 0.1, 0.05)
    asks = []
    for ordinal, place in rng.sample(places, 3):
        question = rng.choice(
            [
                f"Which {noun} comes {ordinal} in the {kind} list?",
                f"What is the {ordinal} {noun} of the list?",
                f"Which {noun} is {ordinal} in the list of 1 to {len(items)}?",
                f"Which {noun} stands {ordinal}?",
            ]
        )
        asks.append(Ask(question, (items[place],), 0))
    return Shown([rows], asks=asks)


def editors(rng: Random) -> Shown:
    """Code in an editor above its output: names in the code are asked for, or the output."""
    name, port, limit = rng.choice(v.MODULES), rng.randint(1000, 9999), rng.randint(2, 500)
    function, module = f"{rng.choice(['load', 'draw', 'send', 'merge'])}_{rng.choice(['table', 'frame', 'map'])}", name
    printed, start = rng.randint(2, 99999), rng.randint(1, 60)
    code = [
        f"import {module}",
        f"PORT = {port}",
        f"limit = {limit}",
        f"def {function}(rows):",
        f"    return rows[:{rng.randint(1, 9)}]",
        f"print(len({function}(data)))",
    ]
    numbered = [f"{start + i} {text}" for i, text in enumerate(code)] if rng.random() < 0.5 else code
    rows = [*column(rng, numbered, 0.1, 0.03)]
    lowest = rows[-1][2]
    rows += [
        (f"{draw_prompt(rng)} python {rng.choice(['main', 'count', 'job'])}.py", 0.05, lowest + 0.1, 0.03),
        (str(printed), 0.05, lowest + 0.15, 0.03),
    ]
    return Shown(
        [rows],
        asks=[
            Ask(rng.choice(["Which module is imported?", "What module does the code import?"]), (module,), 0),
            Ask(rng.choice(["Which port number is set?", "What number is the port?"]), (str(port),), 0),
            Ask(
                rng.choice(["What is the limit, which number?", "Which number is the limit set to?"]), (str(limit),), 0
            ),
            Ask(rng.choice(["Which function is defined?", "What is the function called?"]), (function,), 0),
            Ask(rng.choice(["Which number does the script print?", "What number is printed?"]), (str(printed),), 0),
        ],
    )


def settings(rng: Random) -> Shown:
    """Sentences with several numbers, each with its own unit or label."""
    values = rng.sample(range(2, 900), 6)
    rows = [
        f"{values[0]} of {values[1]} seats are taken",
        f"Step {values[2]} of {values[2] + 3}: copying {values[3]} pages",
        f"Distance {values[4]} km in {values[5]} minutes",
        f"Page {rng.randint(1, 9)} of {rng.randint(10, 40)}",
    ]
    questions = [
        ("How many seats are taken?", values[0]),
        ("How many pages are copied?", values[3]),
        ("Which step is it, what number?", values[2]),
        ("How many kilometres is the distance?", values[4]),
        ("How many minutes does it take?", values[5]),
        ("How many km are shown?", values[4]),
    ]
    return Shown(
        [column(rng, rng.sample(rows, len(rows)), 0.1, 0.05)],
        asks=[Ask(question, (str(value),), 0) for question, value in questions]
        + [Ask(ask(rng, "count", "seats", 1.0), (str(values[0]), str(values[1])), 0)],
    )


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


CONSOLES: dict[str, Callable[[Random], Shown]] = {
    made.__name__: made for made in (sums, shell, failures, fields, listings, sequences, editors, settings)
}
