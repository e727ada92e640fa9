"""Every function of the table with every hard value in every place, on both engines.

What each function gives is checked beside it: here that none of them ends a query, that both engines give the
same, that it is what the function's own reference says, and that the type is the one that is declared.
"""

from __future__ import annotations

import itertools
import math
import random
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from udf_rows import INF, NAN, Given, intervals, number, text, time

from tap_schema import Column
from vo_service.adql import FUNCTIONS, AdqlError
from vo_service.adql.functions.forms import CLASSES, Form, Function
from vo_service.adql.nodes.kinds import Kind
from vo_service.spectral import line

NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 90.0, -90.0, 91.0, 359.5, 1e17, 1e300, -1e300, 1e-300, 5e-324]
NUMBERS += [1.7e308, 709.9, -746.0, NAN, INF, -INF, None]
INTEGERS = [0, 1, -1, 5, 29, 30, 2**31, -(2**31), 2**53 + 1, 2**62, -(2**62), None]
TEXTS = [
    "",
    " ",
    "a",
    "A",
    "a#b",
    "#",
    "%",
    "_",
    "\\",
    "é",
    "1:2:3",
    "-1d2m3s",
    "0:0:0." + "0" * 400 + "1",
    "ß",
]
TEXTS += ["123456", "nan", "'", '"', "\t\n", None]
TIMES = [datetime(1, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(9999, 12, 31), None]
INTERVALS = [[], [1.3e-3, 1.4e-3], [1e-9, 2e-9, 1.0, 2.0], None]
LITERALS = {
    "ivo_geom_transform": (("'ICRS'", "'GALACTIC'"), ("'FK4'", "'ECLIPTIC'")),
    "ivo_string_agg": (("','",),),
    "source": (),  # needs names of targets: tests/query
}
ROWS = 150
KINDS = {Kind.DOUBLE: "double", Kind.INTEGER: "int", Kind.BIGINT: "long", Kind.TEXT: "char"}
KINDS |= dict.fromkeys((Kind.POINT, Kind.CIRCLE, Kind.POLYGON), "double")

CALLED = [
    (function, form)
    for function in FUNCTIONS.values()
    for form in function.forms
    if not function.name.startswith("_") and not function.aggregate and LITERALS.get(function.name) != ()
]


def _columns(form: Form) -> dict[str, list[tuple[str, type | Any, list[Any]]]]:
    """The columns that each argument is made of: name, kind of column, values."""
    made: dict[str, Any] = {}
    for index, category in enumerate(form.arguments):
        name = f"a{index}"
        match category:
            case "number":
                made[name] = [(name, number, NUMBERS)]
            case "integer":
                made[name] = [(name, lambda n: number(n, "long"), INTEGERS)]
            case "text":
                made[name] = [(name, lambda n: text(n, "unicodeChar"), TEXTS)]
            case "time":
                made[name] = [(name, time, TIMES)]
            case "intervals":
                made[name] = [(name, intervals, INTERVALS)]
            case "point" | "shape":
                made[name] = [(f"{name}{part}", number, NUMBERS) for part in ("x", "y")]
            case _:
                made[name] = []
    return made


def _calls(function: Function, form: Form) -> list[str]:
    """The function with columns in all places that take any, and each choice of literals."""
    choices = LITERALS.get(function.name, (("'CO(2-1)'",),))
    calls = []
    for literals in choices:
        left = list(literals)
        written = []
        for index, category in enumerate(form.arguments):
            if category in ("literal_text", "line"):
                written.append(left.pop(0))
            elif category == "point":
                written.append(f"POINT(a{index}x, a{index}y)")
            elif category == "shape":
                written.append(f"CIRCLE(a{index}x, a{index}y, 1)")
            elif function.name in ("ROUND", "TRUNCATE", "RAND") and category == "integer":
                written.append(str(3))  # a literal, says the grammar
            else:
                written.append(f"a{index}")
        calls.append(f"{function.name}({', '.join(written)})")
    return calls


def _combinations(columns: list[tuple[str, Any, list[Any]]]) -> dict[Column, list[Any]]:
    """All combinations of values, or as many as are quick, each value among them."""
    everything = list(itertools.islice(itertools.product(*(values for _, _, values in columns)), 500))
    if math.prod(len(values) for _, _, values in columns) > 500:
        chance = random.Random(len(columns))
        longest = max(len(values) for _, _, values in columns)
        everything = [
            tuple(
                values[i % len(values)] if i % 3 == 0 else chance.choice(values) for _, _, values in columns
            )
            for i in range(max(ROWS, 3 * longest))
        ]
        # one hard value at a time, all else as it should be
        usual = [next((v for v in (0.5, 5, "a") if v in values), values[0]) for _, _, values in columns]
        for place, (_, _, values) in enumerate(columns):
            everything += [(*usual[:place], value, *usual[place + 1 :]) for value in values]
    return {make(name): [row[i] for row in everything] for i, (name, make, _) in enumerate(columns)}


def _reference(function: Function, form: Form, rows: dict[Column, list[Any]]) -> list[Any] | None:
    """What numpy says, where a function of numbers has a reference."""
    if function.reference is None or set(form.arguments) - {"number", "integer", "line", "intervals"}:
        return None
    values = {column.name: cells for column, cells in rows.items()}
    length = len(next(iter(values.values()), [None]))
    expected = []
    for row in range(length):
        arguments: list[Any] = []
        for index, category in enumerate(form.arguments):
            if category == "line":
                arguments.append(line("CO(2-1)").rest_hz)
            elif function.name in ("ROUND", "TRUNCATE") and category == "integer":
                arguments.append(3)
            else:
                arguments.append(values[f"a{index}"][row])
        if any(argument is None for argument in arguments):
            expected.append(None)
            continue
        result = function.reference(*arguments)
        expected.append(None if result is None else float(np.asarray(result)))
    return expected


@pytest.mark.parametrize(
    ("function", "form"), CALLED, ids=[f"{f.name}-{'-'.join(form.arguments)}" for f, form in CALLED]
)
def test_every_function_with_every_value(given: Given, function: Function, form: Form) -> None:
    # ADQL-100 to ADQL-119, ADQL-172, ADQL-174 to ADQL-187, ADQL-189, ADQL-190, ADQL-220
    made = [column for columns in _columns(form).values() for column in columns]
    rows = _combinations(made) if made else {number("a0"): [0.0, None]}
    table = given.rows(rows)
    for call in _calls(function, form):
        facts = given.facts(call, table)
        assert facts.datatype.removeprefix("unicode").lower() == KINDS[form.result]
        if "random" in function.name or function.name == "RAND":
            for answer in given.each(f"SELECT {call} FROM {table}"):
                assert len(answer) == len(next(iter(rows.values())))
                assert all(value is None or isinstance(value, float) for (value,) in answer)
            continue
        found = given.column(call, table)
        expected = _reference(function, form, rows)
        if expected is not None:
            for value, right, row in zip(found, expected, zip(*rows.values())):
                assert _same(value, right), (call, row, value, right)


def _same(value: Any, right: float | None) -> bool:
    """NaN that came in passes through, all other undefined results are NULL."""
    if right is None or right != right:
        return value is None or value != value
    return value is not None and math.isclose(value, right, rel_tol=1e-12, abs_tol=1e-300)


def test_no_function_is_left_out() -> None:
    # ADQL-172: what is not called above has a reason
    called = {function.name for function, _ in CALLED}
    others = {name for name in FUNCTIONS if not name.startswith("_")} - called
    assert others == {"ivo_string_agg", "ivo_histogram", "source"}
    assert {category for _, form in CALLED for category in form.arguments} >= CLASSES - {"pixel"}
    assert all(function.doc for function in FUNCTIONS.values())


TYPELESS = ("number", "integer", "text", "time")
NULLED = [
    (function, form, place)
    for function in FUNCTIONS.values()
    for form in function.forms
    for place, category in enumerate(form.arguments)
    if not function.name.startswith("_")
    and function.name.islower()
    and category in ("number", "integer", "text", "time")
]


@pytest.mark.parametrize(
    ("function", "form", "place"),
    NULLED,
    ids=[f"{f.name}-{len(form.arguments)}-{i}" for f, form, i in NULLED],
)
def test_every_function_of_ours_with_null_itself(
    given: Given, function: Function, form: Form, place: int
) -> None:
    # ADQL-092, ADQL-172: NULL as it stands in a query has no type; the answer has one all the same
    samples = {"number": "0.5", "integer": "2", "text": "c", "time": "'2020-01-01'", "point": "POINT(1, 2)"}
    samples |= {"intervals": "w", "line": "'CO(2-1)'", "literal_text": "','"}
    written = [samples.get(category, "CIRCLE(1, 2, 3)") for category in form.arguments]
    written[place] = "NULL"
    table = given.rows({text("c"): ["a", None], intervals("w"): [[1.0, 2.0], None]})
    call = f"{function.name}({', '.join(written)})"
    try:
        given.resolved(f"SELECT {call} AS v FROM {table}")
    except AdqlError as error:
        assert error.column > len("SELECT ")  # a constant that is needed is refused at its place
        assert (function.name, place) in NEEDED
        return
    assert (function.name, place) not in NEEDED
    rows = [value for (value,) in given.ask(f"SELECT {call} AS v FROM {table}")]
    if function.name != "ivo_epoch_prop_pos":  # whose parallax and motions may be missing
        assert set(rows) == {None}


NEEDED = {("ivo_histogram", place) for place in range(4)}
NEEDED |= {("ivo_epoch_prop_pos", place) for place in (0, 1, 6, 7)}
