"""Texts for the fuzz run: queries of the corpus, changed, and typed queries made anew."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache

from corpus.cases import refused_cases, valid_cases
from corpus.generate import reserved_words

TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+|\s+|[<>!]=|<>|\|\||.", re.DOTALL)
SCRAPS = (
    *(
        "NULL",
        "0",
        "-1",
        "1e308",
        "9223372036854775807",
        "''",
        "'x'",
        "'%_'",
        '"obs_id"',
        "s_ra",
        "s_dec",
        "obs_id",
    ),
    *(
        "s_region",
        "em_support",
        "POINT(s_ra, s_dec)",
        "CIRCLE(10, 20, 1)",
        "COUNT(*)",
        "(",
        ")",
        ",",
        "*",
        ".",
        ";",
    ),
    *(
        "--",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "SELECT",
        "FROM ivoa.obscore",
        "WHERE 1 = 1",
        "UNION",
        "GROUP BY",
    ),
    *(
        "ORDER BY 1",
        "TOP 3",
        "AS x",
        "ivoa.obscore",
        "holdings.dataset",
        "||",
        "=",
        "<",
        "\x00",
        "é",
        "\u2028",
        "#",
    ),
)
NUMBER = (
    "s_ra",
    "s_dec",
    "calib_level",
    "t_xel",
    "em_xel",
    "s_resolution",
    "t_exptime",
    "t_min",
    "pwv",
    "em_res_power",
)
TEXT = ("obs_id", "target_name", "obs_title", "obs_collection", "band_list", "proposal_id")
TIME = ("obs_release_date", "lastModified", "obs_creation_date")
FUNCTIONS = (
    "ABS",
    "CEILING",
    "FLOOR",
    "SQRT",
    "SIN",
    "COS",
    "ATAN",
    "RADIANS",
    "DEGREES",
    "ROUND",
    "TRUNCATE",
    "LOG",
)


@cache
def seeds() -> tuple[str, ...]:
    """All texts of the corpus that are neither a few signs nor huge."""
    return tuple(c.adql for c in (*valid_cases(), *refused_cases()) if 10 < len(c.adql) < 2000)


def mutated(chance: random.Random) -> str:
    """A query of the corpus with a few tokens dropped, doubled, swapped or replaced."""
    tokens = TOKEN.findall(chance.choice(seeds()))
    other = TOKEN.findall(chance.choice(seeds()))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(tokens) + 1)
        match chance.randrange(6):
            case 0:
                del tokens[at : at + chance.randint(1, 3)]
            case 1:
                tokens[at:at] = tokens[at : at + chance.randint(1, 4)]
            case 2:
                tokens.insert(at, f" {chance.choice(SCRAPS)} ")
            case 3 if tokens:
                tokens[min(at, len(tokens) - 1)] = chance.choice(SCRAPS)
            case 4:
                start = chance.randrange(len(other))
                tokens[at:at] = other[start : start + chance.randint(1, 8)]
            case _:
                tokens.insert(at, f" {chance.choice(reserved_words())} ")
    return "".join(tokens)


def scrambled(chance: random.Random) -> str:
    """A query of the corpus with characters changed."""
    characters = list(chance.choice(seeds()))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(characters) + 1)
        if chance.random() < 0.5 and characters:
            del characters[at : at + 1]
        else:
            characters.insert(at, chr(chance.choice((chance.randrange(1, 127), chance.randrange(0x2FFF)))))
    return "".join(characters)


class Typed:
    """Valid queries over the published columns, typed, so that both engines must give the same."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def query(self) -> str:
        """One query with an order that leaves nothing open."""
        match self.chance.randrange(4):
            case 0:
                return self._grouped()
            case 1:
                return self._set()
            case 2:
                return self._joined()
            case _:
                return self._plain()

    def _any(self, *makers: Callable[[int], str], depth: int) -> str:
        return self.chance.choice(makers)(depth - 1)

    def _listed(self, values: Sequence[str]) -> str:
        return self.chance.choice(values)

    def number(self, depth: int) -> str:
        """A numeric expression."""
        if depth <= 0:
            literal = self._listed(("0", "1", "2.5", "10", "-3", "1e3", "0.001"))
            return self._listed((self._listed(NUMBER), literal))
        a, b = self.number(depth - 1), self.number(depth - 1)
        match self.chance.randrange(9):
            case 0 | 1:
                return f"({a} {self._listed('+-')} {b})"
            case 2:
                return f"({a} / {b})"
            case 3:
                return f"({self._listed(NUMBER)} * {self._listed(('2', '0.5', '-1'))})"
            case 4 | 5:
                return f"{self._listed(FUNCTIONS)}({a})"
            case 6:
                return f"COALESCE({a}, {b})"
            case 7:
                return f"DISTANCE(s_ra, s_dec, {self.chance.randint(0, 359)}, {self.chance.randint(-90, 90)})"
            case _:
                return f"CONTAINS(POINT(s_ra, s_dec), {self.shape()})"

    def text(self, depth: int) -> str:
        if depth <= 0:
            return self._listed((self._listed(TEXT), "'M83'", "'x%'", "''"))
        match self.chance.randrange(4):
            case 0:
                return f"({self.text(depth - 1)} || {self.text(depth - 1)})"
            case 1:
                return f"{self._listed(('LOWER', 'UPPER'))}({self.text(depth - 1)})"
            case 2:
                return f"CAST({self._listed(('t_xel', 'calib_level'))} AS VARCHAR)"
            case _:
                return f"COALESCE({self.text(depth - 1)}, {self.text(0)})"

    def shape(self) -> str:
        lon, lat = self.chance.randint(0, 359), self.chance.randint(-80, 80)
        size = self._listed(("0.3", "5", "40", "120"))
        match self.chance.randrange(4):
            case 0:
                return f"CIRCLE({lon}, {lat}, {size})"
            case 1:
                return f"POLYGON({lon}, {lat}, {lon + 20}, {lat}, {lon + 8}, {lat + 9})"
            case 2:
                return f"CIRCLE(10, 20, {size})"
            case _:
                return f"RANGE_S2D({lon}, {lon + 30}, {lat - 9}, {lat + 9})"

    def condition(self, depth: int) -> str:
        """A search condition."""
        if depth <= 0:
            return self._comparison()
        match self.chance.randrange(5):
            case 0 | 1:
                return (
                    f"({self.condition(depth - 1)} {self._listed(('AND', 'OR'))} {self.condition(depth - 1)})"
                )
            case 2:
                return f"NOT ({self.condition(depth - 1)})"
            case _:
                return self._comparison()

    def _comparison(self) -> str:
        negated = self._listed(("", "NOT "))
        operator = self._listed(("=", "<>", "<", ">", "<=", ">="))
        match self.chance.randrange(9):
            case 0 | 1:
                return f"{self._listed(NUMBER)} {operator} {self.number(1)}"
            case 2:
                return f"{self.text(1)} {operator} {self.text(0)}"
            case 3:
                return f"{self._listed(NUMBER)} {negated}BETWEEN {self.number(0)} AND {self.number(1)}"
            case 4:
                return f"{self._listed(NUMBER)} {negated}IN ({self.number(0)}, {self.number(0)}, NULL)"
            case 5:
                pattern = self._listed(("'M%'", "'%1'", "'_G%'", "'%\\_%'", "''"))
                return f"{self.text(1)} {negated}{self._listed(('LIKE', 'ILIKE'))} {pattern}"
            case 6:
                return f"{self._listed((*NUMBER, *TEXT, *TIME))} IS {negated}NULL"
            case 7:
                return f"{self._listed(TIME)} {operator} '202{self.chance.randint(0, 6)}-03-01T00:00:00'"
            case _:
                test = self._listed(
                    ("CONTAINS(POINT(s_ra, s_dec), {})", "INTERSECTS(s_region, {})", "CONTAINS(s_region, {})")
                )
                return f"{self._listed('01')} = {test.format(self.shape())}"

    def _plain(self) -> str:
        items = ", ".join(f"{self._value()} AS c{i}" for i in range(self.chance.randint(1, 3)))
        where = f" WHERE {self.condition(2)}" if self.chance.random() < 0.8 else ""
        tail = (
            f" ORDER BY {self._listed((*NUMBER, *TEXT))} {self._listed(('', 'DESC'))}, t_min"
            + self._listed(("", " OFFSET 7"))
        )
        return f"SELECT {self._listed(('', 'TOP 40 '))}obs_id, {items} FROM ivoa.obscore{where}{tail}"

    def _value(self) -> str:
        return self._any(self.number, self.text, depth=3)

    def _grouped(self) -> str:
        key = self._listed((*TEXT[1:4], "calib_level", "em_xel", "FLOOR(s_dec / 45)"))
        total = self._listed(
            (
                "COUNT(*)",
                f"COUNT({self._listed(TEXT)})",
                "SUM(t_xel)",
                f"MIN({self._listed(NUMBER)})",
                f"MAX({self._listed(TEXT)})",
            )
        )
        having = self._listed(("", " HAVING COUNT(*) > 20"))
        return (
            f"SELECT {key} AS k, {total} AS v FROM ivoa.obscore WHERE {self.condition(1)} "
            f"GROUP BY {key}{having} ORDER BY 1, 2"
        )

    def _set(self) -> str:
        columns = self._listed(
            (("calib_level", "t_xel"), ("target_name", "obs_title"), ("obs_release_date", "lastModified"))
        )
        operator = self._listed(("UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"))
        sides = [f"SELECT {column} AS v FROM ivoa.obscore WHERE {self.condition(1)}" for column in columns]
        return f"{sides[0]} {operator} {sides[1]} ORDER BY 1 {self._listed(('ASC', 'DESC'))}"

    def _joined(self) -> str:
        kind = self._listed(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"))
        key = self._listed(("obs_id", "target_name", "proposal_id"))
        return (
            f"SELECT o.t_min, d.dataset_id, o.{key} "
            f"FROM (SELECT t_min, {key} FROM ivoa.obscore WHERE {self.condition(1)}) AS o "
            f"{kind} holdings.dataset AS d ON o.{key} = d.{key} ORDER BY o.t_min, d.dataset_id"
        )
