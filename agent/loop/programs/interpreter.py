"""Runs a short program in a small part of Python: numbers, texts, lists, `if`, `for`, `while`, and calls by name.

Nothing of Python runs it. The text is parsed, every node that is not on the list is refused before anything runs, and
what is left is worked out here, node by node, each a step. A name stands for a variable, one of a handful of pure
functions, or a tool; there are no attributes and no functions of the program's own, so that there is no way to anything
else, and steps and values are bounded, so that it ends.
"""

import ast
import operator
import re
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from typing import Literal, NamedTuple

from agent.loop.programs.values import (
    FUNCTION_NAMES,
    Functions,
    ProgramError,
    StepMeter,
    Value,
    add,
    check_value,
    divide_with_rest,
    format_decimals,
    format_value,
    list_elements,
    multiply,
    raise_to_power,
)
from tools.observation_text import quote_untrusted

CallTool = Callable[[str, Sequence[Value], Mapping[str, Value]], Value]
"""Runs a tool by its name, its arguments in order and its arguments by name; raises ProgramError."""

_MOST_SOURCE = 4_000
"""Characters of a program; bounds what Python's parser is given."""
_DEEPEST_NODE = 40
"""Nodes within nodes at most: each is a few calls of ours."""
_MOST_PRINTED = 6_000
"""Characters that a program prints; the rest is left out."""
_MOST_WORDS = 300
"""Characters of one of Python's own messages that are passed on."""

_ALLOWED = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.If, ast.For, ast.While, ast.Break, ast.Continue, ast.Pass),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.keyword, ast.Constant, ast.Name),
    *(ast.List, ast.Tuple, ast.Dict, ast.Subscript, ast.Slice, ast.ListComp, ast.GeneratorExp, ast.comprehension),
    *(ast.JoinedStr, ast.FormattedValue, ast.Load, ast.Store, ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot),
)
_IN_WORDS: dict[type[ast.AST], str] = {
    ast.Attribute: 'attributes and methods; a field of a row is row["start"]',
    ast.Lambda: "functions of your own",
    ast.FunctionDef: "functions of your own",
    ast.AsyncFunctionDef: "functions of your own",
    ast.ClassDef: "classes",
    ast.Import: "imports",
    ast.ImportFrom: "imports",
    ast.Starred: "stars",
    ast.NamedExpr: ":=",
    ast.Try: "try",
    ast.Delete: "del",
}
_DECIMALS = re.compile(r"\.(\d{1,3})f")
_SIGNS: dict[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: add,
    ast.Sub: operator.sub,
    ast.Mult: multiply,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: divide_with_rest,
    ast.Pow: raise_to_power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda inner, outer: inner in outer,
    ast.NotIn: lambda inner, outer: inner not in outer,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_parsing = threading.Lock()
_MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError)
"""What Python raises for values that an operation does not take."""

_FIXED = "elements of a list or dict can't be changed: make a new one"

_Leave = Literal["break", "continue"] | None
"""How a block is left before its end."""


class ProgramRun(NamedTuple):
    """What came of a program."""

    printed: str
    error: str
    """What is wrong with it, with its line; empty where it ran to its end."""


def run_program(source: str, tools: Collection[str], call_tool: CallTool) -> ProgramRun:
    """Runs a program to its end, to its first mistake or to its limits.

    Args:
        source: the program.
        tools: names of the tools that it may call.
        call_tool: runs one of them.
    """
    interpreter = _Interpreter(tools, call_tool)
    try:
        interpreter.run(_parse(source, {*tools, *FUNCTION_NAMES, "print"}))
    except ProgramError as mistake:
        return ProgramRun(interpreter.printed, str(mistake))
    return ProgramRun(interpreter.printed, "")


def _parse(source: str, taken: Collection[str]) -> ast.Module:
    """The tree of a program that holds nothing but what is allowed.

    Raises:
        ProgramError: it is no program, or holds something else.
    """
    if len(source) > _MOST_SOURCE:
        raise ProgramError(f"the program has {len(source)} characters, and at most {_MOST_SOURCE} are run")
    try:
        with _parsing, warnings.catch_warnings():  # filters are the process's: one thread at a time changes them
            warnings.simplefilter("ignore")  # such as for an odd escape in a text, whose letters it would print
            tree = ast.parse(source, "the program")
    except SyntaxError as error:
        raise ProgramError(error.msg, error.lineno) from None
    except (ValueError, MemoryError, RecursionError):  # zero bytes, and brackets without end
        raise ProgramError("it can't be read: it is nested too deep, or holds characters of no text") from None
    for node, depth in _walk(tree):
        if why := _find_fault(node, taken) or ("it is nested too deep" if depth > _DEEPEST_NODE else ""):
            raise ProgramError(why, getattr(node, "lineno", None))
    return tree


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    """Every node with its depth, without recursion."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


def _find_fault(node: ast.AST, taken: Collection[str]) -> str:
    """Why a node is refused; empty for all that are allowed."""
    match node:
        case ast.keyword(arg=None):
            return "there are no stars here"
        case ast.Dict(keys) if None in keys:
            return "there are no stars here"
        case ast.Name(name, ast.Store()) if name in taken:
            return f"{name} is a function: choose another name for a variable"
        case ast.Call(func) if not isinstance(func, ast.Name | ast.Attribute):
            return "only functions can be called, by their name"
    if isinstance(node, _ALLOWED):
        return ""
    return f"there are no {_IN_WORDS.get(type(node), f'{type(node).__name__} nodes')} here"


class _Interpreter:
    """Works out the nodes of one program."""

    def __init__(self, tools: Collection[str], call_tool: CallTool) -> None:
        self.printed = ""
        self._tools = tools
        self._call_tool = call_tool
        self._meter = StepMeter()
        self._functions = Functions(self._meter).by_name
        self._variables: dict[str, Value] = {}

    def run(self, tree: ast.Module) -> None:
        """Runs the whole program.

        Raises:
            ProgramError: a mistake of the program; names the line.
        """
        if self._run_block(tree.body) is not None:
            raise ProgramError("break and continue belong into a loop")

    def _run_block(self, statements: Sequence[ast.stmt]) -> _Leave:
        for statement in statements:
            try:
                leave = self._run_statement(statement)
            except ProgramError as mistake:
                mistake.line = mistake.line or statement.lineno
                raise
            if leave is not None:
                return leave
        return None

    def _run_statement(self, node: ast.stmt) -> _Leave:
        self._meter.spend()
        match node:
            case ast.Expr(value):
                self._evaluate(value)
            case ast.Assign(targets, value):
                assigned = self._evaluate(value)
                for target in targets:
                    self._assign(target, assigned)
            case ast.AugAssign(ast.Name(name), sign, value):
                self._variables[name] = self._apply(_SIGNS[type(sign)], self._look_up(name), self._evaluate(value))
            case ast.If(test, body, orelse):
                return self._run_block(body if self._evaluate(test) else orelse)
            case ast.For(target, elements, body, orelse):
                for element in list_elements(self._evaluate(elements), self._meter):
                    self._assign(target, element)
                    if self._run_block(body) == "break":
                        return None
                return self._run_block(orelse)
            case ast.While(test, body, orelse):
                while self._evaluate(test):
                    if self._run_block(body) == "break":
                        return None
                return self._run_block(orelse)
            case ast.Break():
                return "break"
            case ast.Continue():
                return "continue"
            case ast.AugAssign():
                raise ProgramError(_FIXED)
        return None

    def _assign(self, target: ast.expr, value: Value) -> None:
        self._meter.spend()
        match target:
            case ast.Name(name):
                self._variables[name] = value
            case ast.Tuple(targets) | ast.List(targets):
                parts = list_elements(value, self._meter)
                if len(parts) != len(targets):
                    raise ProgramError(f"{len(parts)} values can't be given to {len(targets)} names")
                for inner, part in zip(targets, parts, strict=True):
                    self._assign(inner, part)
            case _:
                raise ProgramError(_FIXED)

    def _evaluate(self, node: ast.expr) -> Value:
        self._meter.spend()
        match node:
            case ast.Constant(value):
                return check_value(value, self._meter)
            case ast.Name(name):
                return self._look_up(name)
            case ast.List(elements) | ast.Tuple(elements):
                return check_value([self._evaluate(element) for element in elements], self._meter)
            case ast.Dict(keys, values):
                pairs = [[self._evaluate(part) for part in pair if part] for pair in zip(keys, values, strict=True)]
                return self._apply(dict, pairs)
            case ast.BinOp(left, sign, right):
                return self._apply(_SIGNS[type(sign)], self._evaluate(left), self._evaluate(right))
            case ast.UnaryOp(ast.Not(), operand):
                return not self._evaluate(operand)
            case ast.UnaryOp(sign, operand):
                return self._apply(
                    operator.neg if isinstance(sign, ast.USub) else operator.pos, self._evaluate(operand)
                )
            case ast.BoolOp(sign, parts):
                return self._evaluate_either(parts, until=isinstance(sign, ast.Or))
            case ast.Compare(left, signs, others):
                return self._compare(left, signs, others)
            case ast.IfExp(test, body, orelse):
                return self._evaluate(body if self._evaluate(test) else orelse)
            case ast.Subscript(held, ast.Slice(lower, upper, step)):
                bounds = [None if part is None else self._evaluate(part) for part in (lower, upper, step)]
                return self._apply(lambda whole: whole[slice(*bounds)], self._evaluate(held))
            case ast.Subscript(held, place):
                return self._apply(operator.getitem, self._evaluate(held), self._evaluate(place))
            case ast.ListComp(element, loops) | ast.GeneratorExp(element, loops):
                return self._comprehend(element, loops)
            case ast.JoinedStr(parts):
                return check_value(reduce(add, [self._evaluate(part) for part in parts], ""), self._meter)
            case ast.FormattedValue(value, _, form):
                return self._format(self._evaluate(value), form)
            case ast.Call(ast.Name(name), positional, named):
                return self._call(name, positional, named)
        raise ProgramError("this can't be worked out here")

    def _look_up(self, name: str) -> Value:
        if name not in self._variables:
            raise ProgramError(
                f"there is no variable {name:.60}; there are {', '.join(self._variables):.{_MOST_WORDS}}"
            )
        return self._variables[name]

    def _evaluate_either(self, parts: Sequence[ast.expr], *, until: bool) -> Value:
        value: Value = None
        for part in parts:
            value = self._evaluate(part)
            if bool(value) is until:
                break
        return value

    def _compare(self, left: ast.expr, signs: Sequence[ast.cmpop], others: Sequence[ast.expr]) -> bool:
        first = self._evaluate(left)
        for sign, other in zip(signs, others, strict=True):
            second = self._evaluate(other)
            check_value([first, second], self._meter)  # what is long takes long to compare
            if not self._apply(_COMPARISONS[type(sign)], first, second):
                return False
            first = second
        return True

    def _comprehend(self, element: ast.expr, loops: Sequence[ast.comprehension]) -> Value:
        before = dict(self._variables)
        self._meter.spend(len(before))
        made = [self._evaluate(element) for _ in self._go_through(loops)]
        self._variables = before  # names of a comprehension are its own, as in Python
        return check_value(made, self._meter)

    def _go_through(self, loops: Sequence[ast.comprehension]) -> Iterator[None]:
        if not loops:
            yield
            return
        for element in list_elements(self._evaluate(loops[0].iter), self._meter):
            self._assign(loops[0].target, element)
            if all(self._evaluate(test) for test in loops[0].ifs):
                yield from self._go_through(loops[1:])

    def _format(self, value: Value, form: ast.expr | None) -> Value:
        match form:
            case None:
                return format_value(value, self._meter)
            case ast.JoinedStr([ast.Constant(str(text))]) if decimals := _DECIMALS.fullmatch(text):
                return self._apply(format_decimals, value, int(decimals[1]))
        raise ProgramError("the only formats are those like .2f")

    def _call(self, name: str, positional: Sequence[ast.expr], named: Sequence[ast.keyword]) -> Value:
        values = [self._evaluate(part) for part in positional]
        by_name = {part.arg or "": self._evaluate(part.value) for part in named}
        if name == "print":
            return self._print(values)
        if name in self._tools:
            # not by _apply: what else a tool raises is a bug of ours and no mistake of the program
            return check_value(self._call_tool(name, values, by_name), self._meter)
        if name not in self._functions:
            known = ", ".join((*self._tools, *self._functions, "print"))
            raise ProgramError(f"there is no function {name:.60}; there are {known}")
        return self._apply(self._functions[name], *values, **by_name)

    def _print(self, values: Sequence[Value]) -> None:
        line = " ".join(format_value(value, self._meter) for value in values)
        if len(self.printed) < _MOST_PRINTED:
            self.printed += quote_untrusted(line[: _MOST_PRINTED - len(self.printed)]) + "\n"

    def _apply(self, function: Callable[..., Value], *values: Value, **named: Value) -> Value:
        """The result of one of Python's operations or a function, within the bounds of values.

        Raises:
            ProgramError: it does not take these values, or the result is too large.
        """
        try:
            made = function(*values, **named)
        except _MISTAKES as error:
            missing = "there is no " if isinstance(error, KeyError) else ""
            # its words may be words of the video
            said = str(error).replace(f"{Functions.__name__}._", "")
            raise ProgramError(missing + quote_untrusted(said[:_MOST_WORDS])) from None
        return check_value(made, self._meter)
