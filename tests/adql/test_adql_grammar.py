"""What the grammar accepts, what it refuses and where it points (ADQL 2.1 section 2 and appendix A)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from growth import processor_seconds

from vo_service.adql import AdqlError, parse, print_tree
from vo_service.adql.language import tree as t

VALID = Path(__file__).parent / "corpus" / "grammar.txt"


def _valid() -> list[list[str]]:
    lines = VALID.read_text(encoding="utf-8").splitlines()
    return [line.split(" | ", 1) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("requirement", "query"), _valid())
def test_valid_queries_parse_and_print_back(requirement: str, query: str) -> None:
    if requirement == "ADQL-015":
        query += "\nFROM t"
    tree = parse(query)
    assert parse(print_tree(tree)) == tree, requirement


def test_not_binds_tighter_than_and_and_tighter_than_or() -> None:
    # ADQL-199
    where = parse("SELECT a FROM t WHERE NOT a = 1 AND b = 2 OR c = 3").query.body.where  # type: ignore[union-attr]
    assert isinstance(where, t.Or)
    assert isinstance(where.terms[0], t.And)
    assert isinstance(where.terms[0].terms[0], t.Not)


def test_intersect_binds_tighter_than_union() -> None:
    # ADQL-060, ADQL-234
    body = parse("SELECT a FROM x UNION SELECT a FROM y INTERSECT SELECT a FROM z").query.body
    assert isinstance(body, t.SetOperation) and body.operator == "UNION"
    assert isinstance(body.right, t.SetOperation) and body.right.operator == "INTERSECT"
    body = parse("SELECT a FROM x EXCEPT SELECT a FROM y EXCEPT SELECT a FROM z").query.body
    assert isinstance(body, t.SetOperation) and isinstance(body.left, t.SetOperation)


def test_words_of_21_are_free_in_20() -> None:
    # ADQL-193, ADQL-258
    query = "SELECT offset, cot, bigint FROM t"
    with pytest.raises(AdqlError, match="reserved"):
        parse(query)
    assert parse(query, "2.0")


@pytest.mark.parametrize("query", ["SELECT CAST(a AS REAL) FROM t", "SELECT a FROM t UNION SELECT b FROM u"])
def test_features_of_21_are_refused_in_20(query: str) -> None:
    # ADQL-192
    with pytest.raises(AdqlError, match=r"2\.1"):
        parse(query, "2.0")


def _nested(depth: int) -> str:
    return f"SELECT {'(' * depth}1{')' * depth} FROM t"


GROWING: dict[str, Callable[[int], str]] = {
    "ANDs": lambda n: "SELECT a FROM t WHERE " + " AND ".join(["a = 1"] * 300 * n),
    "IN": lambda n: f"SELECT a FROM t WHERE a IN ({', '.join(['1'] * 500 * n)})",
    "columns": lambda n: f"SELECT {', '.join(['a'] * 300 * n)} FROM t",
}


def _work(query: str) -> float:
    """Processor seconds to read and print a query."""
    text = print_tree(parse(query))
    assert print_tree(parse(text)) == text
    return processor_seconds(lambda: print_tree(parse(query)), times=5)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t WHERE " + " AND ".join(["a = 1"] * 5000),
        f"SELECT a FROM t WHERE a IN ({', '.join(['1'] * 10000)})",
        _nested(55),
    ],
)
def test_large_queries_parse(query: str) -> None:
    # ADQL-257
    tree = parse(query)
    assert print_tree(tree).count("1") == query.count("1")


@pytest.mark.parametrize("kind", GROWING)
def test_work_grows_as_the_text(kind: str) -> None:
    # ADQL-257: four times the text, about four times the work; sixteen times were the square
    small, large = (GROWING[kind](n) for n in (1, 4))
    assert _work(large) < 8.0 * _work(small)


def test_work_does_not_double_with_each_parenthesis() -> None:
    # ADQL-257: they are looked through at each level, so their square may show; 2**42 would not end
    assert _work(_nested(56)) < 25.0 * _work(_nested(14))


@pytest.mark.parametrize(
    "query",
    [
        _nested(61),
        _nested(20000),
        "SELECT a FROM t WHERE " + "(" * 5000 + "a = 1" + ")" * 5000,
        "SELECT " + "+".join(["1"] * 1000) + " FROM t",
        "SELECT a FROM t WHERE " + "NOT (" * 100 + "a = 1" + ")" * 100,
        "SELECT a FROM " + "(SELECT a FROM " * 100 + "t" + ") x" * 100,
        "SELECT a FROM t" + " UNION SELECT a FROM t" * 100,
        "SELECT '" + "x" * 100_000 + "' FROM t",
    ],
)
def test_too_complex_queries_are_refused(query: str) -> None:
    # ADQL-097
    with pytest.raises(AdqlError):
        parse(query)


def test_nul_and_control_characters_are_refused() -> None:
    # ADQL-011
    for query in ("SELECT a FROM t WHERE b = 'x\x00y'", 'SELECT "a\x01b" FROM t', "SELECT a\x00 FROM t"):
        with pytest.raises(AdqlError):
            parse(query)
