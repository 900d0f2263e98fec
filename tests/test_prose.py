"""The prose of the four packages: a docstring is understood where it stands, and says what a caller has to know."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("tools", "agent", "evals", "rl")
HELD = {"agent", "evals", "rl", "tools"}
"""The packages whose prose is held to this."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function

LEANING = re.compile(r"(Of|As|The same|Same|It|Its|This one|That one|Those|They|Them|Likewise)\b")
"""How a docstring begins that needs the line above it."""
LEANING_ARGUMENT = re.compile(r"(of|as|the same)\b", re.IGNORECASE)
SHORTEST = 15
"""Characters that a public docstring's first paragraph has at least; picked by eye."""
MANY_PARAMETERS = 3
DOCUMENTED_ELSEWHERE = {"TrainerCallback"}
"""Base classes of other libraries, which describe the parameters of the methods that are overridden."""


@pytest.fixture(params=sorted(HELD))
def package(request: pytest.FixtureRequest) -> str:
    """Each package in turn."""
    return str(request.param)


def test_no_docstring_leans_on_the_line_above_it(package: str) -> None:
    assert_none(f"{where}: {text:.60}" for where, text in docstrings(package) if LEANING.match(text))


def test_no_argument_is_described_by_the_line_above_it(package: str) -> None:
    assert_none(
        f"{where}: {name}: {text:.60}"
        for where, docstring in docstrings(package)
        for name, text in arguments(docstring)
        if LEANING_ARGUMENT.match(text)
    )


def test_a_described_argument_is_one_of_the_function(package: str) -> None:
    assert_none(
        f"{where}: {name}"
        for where, node, _ in functions(package)
        for name, _ in arguments(docstring_of(node))
        if name not in {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
    )


def test_public_docstrings_are_long_enough_to_say_something(package: str) -> None:
    assert_none(
        f"{where}: {text}"
        for where, node in definitions(package)
        if is_public(where) and 0 < len(text := docstring_of(node).split("\n\n")[0]) < SHORTEST
    )


def test_public_functions_of_many_parameters_describe_them(package: str) -> None:
    assert_none(
        where
        for where, node, is_method in functions(package)
        if is_public(where)
        and len(parameters(node, is_method)) >= MANY_PARAMETERS
        and not says(node, "Args", is_method)
    )


def test_public_functions_that_raise_say_what(package: str) -> None:
    assert_none(
        where
        for where, node, is_method in functions(package)
        if is_public(where) and raises_by_itself(node) and not says(node, "Raises", is_method) and not is_tool(node)
    )


def test_numeric_constants_have_a_sentence(package: str) -> None:
    """Below them or as a comment: above, beside, or above the block of constants that they stand in."""
    assert_none(f"{path.relative_to(ROOT)}:{name}" for path in modules(package) for name in unexplained_constants(path))


def test_what_leans_is_found() -> None:
    text = '''def f(a, b, c):
        """Of it.

        Args:
            a: of b.
        """
        raise ValueError(a)
    '''
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert LEANING.match(docstring_of(node))
    assert [LEANING_ARGUMENT.match(text) is not None for _, text in arguments(docstring_of(node))] == [True]
    assert not says(node, "Raises", is_method=False)
    assert raises_by_itself(node)
    assert len(parameters(node, is_method=False)) == MANY_PARAMETERS


def assert_none(found: Iterable[str]) -> None:
    """Fails with every line of what was found."""
    lines = list(found)
    assert not lines, "\n".join(lines)


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(package: str) -> list[Path]:
    """The files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def docstring_of(node: Documented) -> str:
    """The docstring without its indentation; empty where there is none."""
    return ast.get_docstring(node) or ""


def docstrings(package: str) -> Iterator[tuple[str, str]]:
    """Every docstring of a package with its place: those of definitions, and the strings below assignments."""
    for where, node in definitions(package):
        yield where, docstring_of(node)
        for above, below in pairwise(node.body):
            if isinstance(above, ast.Assign | ast.AnnAssign) and (text := string_of(below)):
                yield f"{where}:{below.lineno}", inspect.cleandoc(text)


def definitions(package: str) -> Iterator[tuple[str, Documented]]:
    """Every module, class, method and function of a package as `path:Class.method`, nested functions left out."""
    for path in modules(package):
        where = path.relative_to(ROOT).as_posix()
        yield where, parse(path)
        yield from ((f"{where}:{name}", node) for name, node in defined_in(parse(path)))


def defined_in(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """The classes, methods and functions of a module or a class by their qualified names."""
    for inner in node.body:
        if isinstance(inner, Function | ast.ClassDef):
            yield prefix + inner.name, inner
        if isinstance(inner, ast.ClassDef):
            yield from defined_in(inner, f"{prefix}{inner.name}.")


def functions(package: str) -> Iterator[tuple[str, Function, bool]]:
    """Every function and method of a package, with whether it is a method."""
    for where, node in definitions(package):
        if isinstance(node, Function):
            yield where, node, "." in where.partition(":")[2]


def is_public(where: str) -> bool:
    """True where no part of a qualified name begins with an underscore, which those of Python itself do too."""
    return not any(part.startswith("_") for part in where.partition(":")[2].split("."))


def string_of(node: ast.stmt) -> str | None:
    """The text of a statement that is a string and no more."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return None


def parameters(node: Function, is_method: bool) -> list[str]:
    """The names of the parameters, `self` and `cls` left out."""
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return names[1:] if is_method and "staticmethod" not in map(ast.unparse, node.decorator_list) else names


def arguments(docstring: str) -> Iterator[tuple[str, str]]:
    """Name and description of each entry of the `Args:` section."""
    _, _, section = docstring.partition("\nArgs:\n")
    entries = re.split(r"\n(?=\S)", section)[0]
    for found in re.finditer(r"^ {4}\*{0,2}(\w+): *(.*)", entries, re.MULTILINE):
        yield found[1], found[2]


def says(node: Function, section: str, is_method: bool) -> bool:
    """True if the docstring has a section, or what the function implements says so in its place."""
    signature = node.name, len(parameters(node, is_method))
    return f"\n{section}:\n" in docstring_of(node) + "\n" or section in implemented().get(signature, ())


def is_tool(node: Function) -> bool:
    """True for a tool, whose docstring is its schema: the policy reads it, and needs no exceptions of Python."""
    return node.returns is not None and ast.unparse(node.returns) == "Observation"


@cache
def implemented() -> dict[tuple[str, int], set[str]]:
    """The sections by name and number of parameters that an implementation need not repeat.

    They are those of methods of protocols and base classes, and the docstrings of fields that hold a function.
    """
    classes = [node for package in PACKAGES for _, node in definitions(package) if isinstance(node, ast.ClassDef)]
    bases = {name for node in classes for name in bases_of(node)}
    found: dict[tuple[str, int], set[str]] = {}
    for node in classes:
        for inner, below in pairwise([*node.body, ast.Pass()]):
            if isinstance(inner, Function) and DOCUMENTED_ELSEWHERE & bases_of(node):
                found.setdefault((inner.name, len(parameters(inner, is_method=True))), set()).add("Args")
            elif isinstance(inner, Function) and (node.name in bases or "Protocol" in bases_of(node)):
                sections = set(re.findall(r"^(\w+):$", docstring_of(inner), re.MULTILINE))
                found.setdefault((inner.name, len(parameters(inner, is_method=True))), set()).update(sections)
            elif isinstance(inner, ast.AnnAssign) and (text := string_of(below)):
                match inner.target, inner.annotation:
                    case ast.Name(name), ast.Subscript(ast.Name("Callable"), ast.Tuple([ast.List(types), _])):
                        sections = {"Args", "Raises"} if "Error" in text else {"Args"}
                        found.setdefault((name, len(types)), set()).update(sections)
    return found


def bases_of(node: ast.ClassDef) -> set[str]:
    """The names of the classes that a class derives from, without what stands in brackets."""
    return {ast.unparse(base).partition("[")[0] for base in node.bases}


def raises_by_itself(node: Function) -> bool:
    """True where the body makes an exception and raises it; passing on one that was caught or kept is not meant."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call):
            return True
        if not isinstance(inner, Function | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(inner)
    return False


def unexplained_constants(path: Path) -> Iterator[str]:
    """The names in capitals that stand for a number, at the top of a module, without a word about it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    body = parse(path).body
    commented, end = False, 0
    for node, below in pairwise([*body, ast.Pass()]):
        name, value = name_and_value(node)
        follows = commented and name.isupper() and node.lineno == end + 1
        commented, end = lines[node.lineno - 2].startswith("#") or follows, node.end_lineno or 0
        is_bare = not commented and "  # " not in lines[node.lineno - 1] and string_of(below) is None
        if name.isupper() and is_number(value) and is_bare:
            yield name


def name_and_value(node: ast.stmt) -> tuple[str, ast.expr | None]:
    """What a statement assigns to what; an empty name where it assigns to no single name."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    return "", None


def is_number(node: ast.expr | None) -> bool:
    """True for a number, also one that is computed from numbers."""
    if node is None or not all(
        isinstance(inner, ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop)
        for inner in ast.walk(node)
    ):
        return False
    return all(
        isinstance(inner.value, int | float) and not isinstance(inner.value, bool)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant)
    )
