"""All that is wrong with a file at once, a line for each problem: the key, what was given and what is allowed."""

from __future__ import annotations

from typing import Any, NoReturn, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lattices.errors import InputError
from lattices.suggestions import did_you_mean

MOST_LINES = 20  # of one file

# What is needed where a value is of the wrong kind, by the type of pydantic's error.
NEEDED = {
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "string_type": "a text in quotes is needed",
    "bool_type": "true or false is needed",
    "tuple_type": "a list is needed",
    "list_type": "a list is needed",
    "dict_type": "a table is needed",
    "model_type": "a table is needed",
    "model_attributes_type": "a table is needed",
    "finite_number": "a finite number is needed",
}
# The same with a limit from the error's context.
LIMITS = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "at least {min_length} characters are needed",
    "too_short": "at least {min_length} are needed, {actual_length} given",
    "too_long": "at most {max_length} are allowed, {actual_length} given",
    "literal_error": "allowed are {expected}",
}


def refuse(where: str, error: ValidationError, schema: type[BaseModel]) -> NoReturn:
    """Raise the InputError of everything that is wrong with a file. where: its name. schema: of the whole file."""
    lines = [f"{where}: {line}" for line in problem_lines(error, schema)]
    more = [f"{where}: {len(lines) - MOST_LINES} more problems"] if len(lines) > MOST_LINES else []
    raise InputError(*lines[:MOST_LINES], *more) from error


def problem_lines(error: ValidationError, schema: type[BaseModel]) -> list[str]:
    """A line for each problem, in the order of the file's keys; equal entries of a list share one."""
    lines: dict[str, None] = {}
    problems = error.errors()
    equal: dict[object, int] = {}
    for problem in problems:
        equal[_alike(problem)] = equal.get(_alike(problem), 0) + 1
    for problem in problems:
        loc = problem["loc"]
        if problem["type"] == "too_short" and any(p["loc"][: len(loc)] == loc != p["loc"] for p in problems):
            continue  # the list is short because entries were refused
        number = equal.pop(_alike(problem), 0)
        more = f" ({number - 1} more entries like this)" if number > 1 else ""
        lines |= dict.fromkeys(line + more for line in _lines(problem, schema) if number)
    return list(lines)


def _alike(problem: ErrorDetails) -> object:
    """What equal problems of the entries of one list have in common."""
    loc = problem["loc"]
    place = loc[:-1] if loc and isinstance(loc[-1], int) else loc
    return place, problem["type"], repr(problem["input"])


def _lines(problem: ErrorDetails, schema: type[BaseModel]) -> list[str]:
    loc, kind, given = problem["loc"], problem["type"], problem["input"]
    key = ".".join(str(part) for part in loc)
    if kind == "extra_forbidden":
        return [f"unknown key {key}{_allowed(loc, schema)}"]
    if kind == "missing":
        return [f"{key} is missing"]
    message = message_of(problem)
    if kind == "value_error":
        return [f"{key}: {line}" if key else line for line in message.splitlines()]
    return [f"{key}: {message}" if isinstance(given, dict) else f"{key} = {given!r}: {message}"]


def message_of(problem: ErrorDetails) -> str:
    """What is wrong, in words of the file."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in NEEDED:
        return NEEDED[kind]
    if kind in LIMITS:
        text = LIMITS[kind].format(**{key: _number(value) for key, value in context.items()})
        choices = [word.strip("'") for word in str(context.get("expected", "")).replace(" or ", ", ").split(", ")]
        return text + (did_you_mean(problem["input"], choices) if kind == "literal_error" else "")
    return problem["msg"].removeprefix("Value error, ")


def _number(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value


def _allowed(loc: tuple[int | str, ...], schema: type[BaseModel]) -> str:
    """The keys of the table in which an unknown one stands, and the nearest of them."""
    table = table_at(loc[:-1], schema)
    if table is None:
        return ""
    return f"; allowed are {', '.join(table.model_fields)}{did_you_mean(loc[-1], table.model_fields)}"


def table_at(loc: tuple[int | str, ...], schema: type[BaseModel]) -> type[BaseModel] | None:
    """The schema of the table at a place in a file; None where no schema describes it."""
    found: type[BaseModel] | None = schema
    for part in loc:
        if found is not None and part in found.model_fields:
            found = table_in(found.model_fields[str(part)].annotation)
    return found


def table_in(annotation: Any) -> type[BaseModel] | None:
    """The first schema of a table within an annotation, such as that of `dict[str, Species] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if (found := table_in(part)) is not None:
            return found
    return None
