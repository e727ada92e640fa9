"""The page ``docs/adql.md``, read off the lists that the compiler runs on.

``python -m vo_service.adql.language_page`` prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vo_service.adql.functions.table import FUNCTIONS
from vo_service.adql.language.features import EXTENSIONS, FEATURES, STRICT, SYNTAX, declared
from vo_service.adql.language.parser import MAX_OPERANDS, MAX_TABLES
from vo_service.adql.language.parser_cursor import CALL_HEIGHT, MAX_HEIGHT, MAX_NESTING, MAX_SHAPES
from vo_service.adql.language.signatures import CALL_FORMS
from vo_service.adql.language.tokens import MAX_NAME, MAX_TEXT
from vo_service.adql.language.words import (
    INSTEAD,
    INSTEAD_OF_CALLS,
    INSTEAD_OF_MARKS,
    INSTEAD_OF_TAILS,
    NEW_IN_21,
    STRANGERS,
)
from vo_service.adql.meaning.resolve import MOST_COLUMNS
from vo_service.adql.meaning.shapes import MOST_COMPUTED_CORNERS, MOST_CORNERS
from vo_service.adql.writing.written import MOST_SQL

_GROUPS = {
    "adqlgeo": "Geometry",
    "string": "Strings",
    "common-table": "Common tables",
    "sets": "Set operators",
    "type": "Types",
    "unit": "Units",
    "offset": "OFFSET",
    "conditional": "COALESCE",
}
_NEW = ", ".join(f"`{word}`" for word in sorted(NEW_IN_21))
_WRITTEN = {
    "ILIKE": "`text ILIKE pattern`",
    "WITH": "`WITH name AS (query), ... query`",
    "UNION": "`query UNION [ALL] query`",
    "EXCEPT": "`query EXCEPT [ALL] query`",
    "INTERSECT": "`query INTERSECT [ALL] query`",
    "CAST": "`CAST(value AS type)`",
    "OFFSET": "`query OFFSET n`",
}
_CALL = re.compile(r"[A-Z0-9_]+\([^()]*\)")
_HEAD = f"""
What queries may say, and what is decided here where the standard leaves it open. Written from the lists
that the compiler runs on by `python -m vo_service.adql.language_page`; the capabilities of TAP are read
off the same lists.

The language is ADQL 2.1 (recommendation of 2023-12-15). `LANG=ADQL` and `LANG=ADQL-2.1` mean it,
`LANG=ADQL-2.0` takes queries of the former version: {_NEW} are plain names there, and what is marked 2.1
below is refused by its name. `vo-service explain --version {STRICT}` judges a query by the standard to
the letter, without the extensions at the end of this page. Whatever is not on this page, and is not in
the core of the standard either, is refused with its place and what to write instead.
"""
_DECISIONS = """
An integer divided by an integer is an integer, cut toward zero: `7/2` is 3, `1/3600` is 0 (with a
warning). A point in either operand gives a double: `7/2.` is 3.5.

Division by zero, and functions outside their domain (`LOG(0)`, `SQRT(-1)`, `EXP(1000)`), give NULL; the
query goes on.

Integers that overflow are an error, never a wrong number.

What is beyond a double (some 1.8e308) is NULL where a function gives it, or a product or quotient of columns
and constants; what is too small for one is 0 there. Infinity and NaN that are stored pass through. Of sums,
differences, SUM, AVG, and of products and quotients of longer expressions, nothing is looked at beforehand,
which would cost every row: with PostgreSQL such a query ends with the error that a number is beyond its
type, with DuckDB the value is Infinity, or NaN where infinities cancel.

`ROUND` and `CAST` to an integer take ties away from zero: `ROUND(2.5)` is 3, `ROUND(-2.5)` is -3.

`CAST` to `VARCHAR(n)` cuts to n characters, to `CHAR(n)` it pads with blanks or cuts; n of `CHAR(n)` is
65535 at most, since every row is padded to it.

The text of a double is the shortest that reads back as the same number; whole numbers below 2**63 have
neither point nor exponent (`1.0` is `1`), and others are `NaN`, `Infinity`, `-Infinity`.

Round a text that is cast to a number, a time or a shape the whitespace of ADQL may stand (blank, tab, ends
of lines, form feeds), and between the numbers of a shape; other blanks of Unicode are no whitespace. A text
that says no such value is an error which shows it.

`UPPER` and `LOWER` go letter by letter, whatever the language; of letters that become two in capitals only
the sharp s does: `UPPER('straße')` is `STRASSE`.

Strings are compared and sorted by code point. `LIKE` minds the case, `ILIKE` folds it.

NULL sorts as larger than every value, NaN as larger than every number.

A column of times may be compared with a string in DALI form, as in `t > '2020-01-01'`.

A label in double quotes answers to that very spelling only: behind `s_ra AS "My"` neither `my` nor `"my"` is
that column. One in lower case, such as `"ra"`, is the same as without quotes.

The unit of a sum is that of its terms where they agree. Literals and COUNTs are plain numbers, which change
no unit: `s_ra*3600` is in deg as `s_ra` is, and so is `SUM(s_ra)/COUNT(*)`; it takes `IN_UNIT(s_ra,
'arcsec')` to have another one. The unit of a product of two columns is written as VOUnits does, with
powers by `**` (`deg**2`); what `IN_UNIT` is asked for becomes the unit of the field as it is
written there. `AREA` is in
`deg2`, the word of ObsCore for the same.

A REAL beside an integer is taken as a DOUBLE PRECISION: in comparisons, in IN, COALESCE and set operations.

`a + b + c` is two operators inside each other, since it is worked out from the left: a sum or product of more
signs in a row than the limit below is refused, as is any other value of that depth.

A name in double quotes matches the published spelling to the letter, or its lower-case form where no
other column is spelt so. A name without quotes matches in any case.

In ORDER BY a name alone is a label first, then a column of the tables; inside an expression it is the
other way round.

A set operation is sorted by its output columns, and by expressions of them.

`USING` and `NATURAL` merge columns; `t.x` still gives the value of one side.

A geometry that is selected in a derived table or a common table is a geometry outside, with all that is
indexed of it. `UNION ALL` takes geometries of one type. DISTINCT, `COUNT(DISTINCT ...)` and the other set
operators take regions, such as `s_region`, and compare their texts; they take no other geometries. GROUP BY
takes none at all.

Borders belong to shapes, with an allowance of 4e-15 rad for rounding. A polygon is the smaller side of
its border. Where a border crosses itself the rule is even-odd: what it goes round twice is outside. Shapes
of more than a hemisphere are circles, or written with Not.

A `BOX` that is selected leaves as the POLYGON of its four corners, which is what it is tested as.

A position beyond latitude 90, a negative radius, a flat polygon: an error if constant, NULL if it comes
from columns.

All positions are ICRS. `'ICRS'`, `'FK5'`, `'J2000'`, `'UNKNOWN'` and `''` name the frame of the tables:
FK5 is taken as ICRS, from which it differs by some 0.02 arcsec. Constants and columns given in
`'GALACTIC'`, `'FK4'` or `'ECLIPTIC'` are turned to it, so they go with `s_region`, `MOC` and `source`. Shapes
that name two frames in one call are refused.

`ivo_geom_transform` turns the numbers of a POINT, the centre of a CIRCLE, whose radius stays, and the corners
of a POLYGON, and of constant regions made of circles and polygons; it tells FK5 from ICRS. What it gives
may be selected, measured, and tested against shapes of the same frame: those that the function turned to it
as well, and bare numbers, as in `CIRCLE(0, 90, 30)`, which are taken as numbers of that frame. Ranges,
coverage maps, boxes of columns, and stored shapes such as `s_region` are refused.

Beside a shape of `ivo_geom_transform` in another frame than ICRS all else is refused: a shape that names its
frame, which has been turned to ICRS, and what is ICRS by itself, which is stored shapes, the positions of a
table (columns whose UCD is `pos.eq`), `REGION`, `RANGE_S2D`, `MOC`, `source`, and what is made of them.
Numbers of other columns and of expressions, and the points, circles and polygons of an upload, are bare
numbers. `UNION ALL` keeps the frame where both sides have it; a column of several frames may be selected and
measured, but not tested against anything.

Coordinate systems as arguments, `BOX` and `COORDSYS` are deprecated since 2.1: they work, with a warning
(of coordinate systems none in 2.0, where they have to be written). They and shapes made of POINTs, four
numbers in `DISTANCE`, expressions in ORDER BY and GROUP BY are taken in both versions.

`RAND(n)` ignores n; each row gets a new number, and so does each place where `RAND()` or
`ivo_normal_random` is written. A function of a random number sees one number (`ROUND(RAND()*10)` is 0 to
10), BETWEEN and IN do too. Inside geometries, in GROUP BY, inside functions and
arithmetic beside groups, and inside the aggregates beyond the standard a random number is refused: draw it
in a derived table, as in `SELECT POINT(lon, 0) FROM (SELECT RAND()*360 AS lon FROM t) AS q`.
"""


_OF_EXTENSIONS = f"""
What is taken beyond the standard; nothing that the standard defines changes its meaning, but for the
patterns of LIKE. `{STRICT}` refuses all of it. Functions beyond the standard are declared, as it asks;
only the two that make regions are refused with the rest.
"""


def page() -> str:
    """The whole page."""
    parts = (_head(), _features(), _functions(), _decisions(), _instead(), _limits(), _extensions())
    return "\n".join(text for part in parts for text in part)


def _head() -> Iterator[str]:
    yield "# ADQL\n"
    yield "\n\n".join(_paragraphs(_HEAD)) + "\n"


def _features() -> Iterator[str]:
    yield "## Optional features\n"
    for group, title in _GROUPS.items():
        yield f"{title} (`features-{group if group == 'adqlgeo' else 'adql-' + group}`):\n"
        rows = []
        for feature in declared()[group]:
            how = _WRITTEN.get(feature.name) or _written(feature.name)
            doc = feature.doc + (" Deprecated." if feature.deprecated else "")
            rows.append((how, feature.since, doc))
        yield from _table(("write", "since", "meaning"), rows)


def _functions() -> Iterator[str]:
    yield "## Mathematical functions\n"
    yield "Numbers of any type go in, doubles come out. Angles are radians. Both versions have them.\n"
    offered = {feature.name for feature in FEATURES}
    core = [one for one in FUNCTIONS.values() if not one.signatures and one.name in CALL_FORMS]
    rows = [(_written(one.name), one.doc) for one in core if one.name not in offered]
    yield from _table(("write", "meaning"), rows)
    yield "## Functions beyond the standard\n"
    yield "Their names are matched in any case. Those that begin with `ivo_` are of the IVOA's catalogue.\n"
    yield from _table(
        ("signature", "meaning"), [(_code(feature.form), feature.doc) for feature in declared()["udf"]]
    )


def _decisions() -> Iterator[str]:
    yield "## What is decided here\n"
    yield "\n".join(f"- {text}" for text in _paragraphs(_DECISIONS)) + "\n"


def _instead() -> Iterator[str]:
    yield "## What ADQL does not have\n"
    yield "Each of these is refused with this hint.\n"
    words = {word: hint for word, hint in INSTEAD.items() if word not in ("SELECT", "DISTINCT")}
    words |= {**INSTEAD_OF_TAILS, **INSTEAD_OF_MARKS}
    words |= {mark: STRANGERS[mark] for mark in "%&|^~[?:@#"}
    words |= {f"{name}(...)": hint for name, hint in INSTEAD_OF_CALLS.items()}
    hints: dict[str, list[str]] = {}
    for word, hint in words.items():
        hints.setdefault(hint, []).append(_code(word))
    rows = [(" ".join(found), hint[0].upper() + hint[1:]) for hint, found in hints.items()]
    yield from _table(("not ADQL", "instead"), rows)


def _limits() -> Iterator[str]:
    yield "## Limits of a query\n"
    rows = (
        ("characters", MAX_TEXT),
        ("characters of a name", MAX_NAME),
        ("levels of parentheses, calls and subqueries", MAX_NESTING),
        (f"operators inside each other (a call counts as {CALL_HEIGHT})", MAX_HEIGHT),
        ("geometries inside each other", MAX_SHAPES),
        ("tables", MAX_TABLES),
        ("operands of one set operator in a row", MAX_OPERANDS),
        ("columns of an answer or a derived table (there each number of a geometry counts)", MOST_COLUMNS),
        ("corners of a polygon of constants", MOST_CORNERS),
        ("corners of a polygon that is computed row by row", MOST_COMPUTED_CORNERS),
        ("characters of the SQL that is made of the query", MOST_SQL),
    )
    yield from _table(("at most", "number"), [(what, f"{number:,}") for what, number in rows])
    yield "AND, OR and the list of IN have no limit but the length of the text and of its SQL.\n"


def _extensions() -> Iterator[str]:
    yield "## Extensions\n"
    yield _paragraphs(_OF_EXTENSIONS)[0] + "\n"
    rows = [
        (feature.name if feature.group == SYNTAX else _code(feature.name), feature.doc)
        for feature in EXTENSIONS
    ]
    yield from _table(("extension", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    yield (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )


def _paragraphs(text: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]


def _written(name: str) -> str:
    """How a reserved function is called, its forms as code."""
    return _CALL.sub(lambda form: _code(form[0]), CALL_FORMS[name][1])


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    print(page(), end="")
