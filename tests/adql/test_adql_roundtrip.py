"""Random trees print to text that parses back to the same tree."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vo_service.adql import parse, print_tree
from vo_service.adql.language import tree as t
from vo_service.adql.language.signatures import AGGREGATES, CALL_FORMS

PLAIN = st.sampled_from(["ra", "dec", "t1", "Flux", "obs_id", "limit", "name"])
names = st.one_of(
    PLAIN.map(t.Name),
    st.sampled_from(["size", "a b", 'q"q', "Größe", "x.y", "SELECT"]).map(lambda text: t.Name(text, True)),
)
numbers = st.sampled_from(["0", "1", "42", "2.5", ".5", "3.", "1e3", "4.2E-7", "12345678901"]).map(t.Number)
integers = st.integers(0, 12).map(lambda number: t.Number(str(number)))
strings = st.sampled_from(["", "x", "it's", "a--b", "100\\%", "two\nlines", '"', "/*", ";"]).map(t.String)
columns = st.lists(names, min_size=1, max_size=4).map(lambda parts: t.ColumnName(tuple(parts)))
leaves = st.one_of(columns, numbers)

Values = st.SearchStrategy[t.Value]
SIMPLE = "SMALLINT INTEGER BIGINT REAL DOUBLE-PRECISION CHAR VARCHAR TIMESTAMP POINT CIRCLE POLYGON".split()
COUNTS = {"POLYGON": (6, 8), "COALESCE": (1, 3), "CIRCLE": (2, 3), "BOX": (3, 4), "DISTANCE": (2, 4)}


def _call(name: str, children: Values) -> Values:
    """Every form of a reserved function."""
    if name == "REGION":
        return strings.map(lambda text: t.Call(name, (text,)))
    if name == "IN_UNIT":
        return st.builds(lambda a, unit: t.Call(name, (a, unit)), children, strings)
    if name == "PI":
        return st.just(t.Call(name, ()))
    if name == "RAND":
        return st.lists(integers, max_size=1).map(lambda arguments: t.Call(name, tuple(arguments)))
    if name in ("ROUND", "TRUNCATE"):
        digits = st.one_of(integers, st.builds(t.Signed, st.sampled_from("+-"), integers))
        return st.builds(lambda a, n: t.Call(name, (a, *n)), children, st.lists(digits, max_size=1))
    if name in ("LOWER", "UPPER", "COALESCE"):
        children = st.one_of(children, strings)
    counts = COUNTS.get(name) or tuple(CALL_FORMS[name][0] or ())
    several = st.sampled_from(sorted(counts)).flatmap(lambda n: st.lists(children, min_size=n, max_size=n))
    frame = st.one_of(st.just(()), st.sampled_from(["ICRS", ""]).map(lambda text: (t.String(text),)))
    if name not in ("POINT", "CIRCLE", "BOX", "POLYGON"):
        frame = st.just(())
    return st.builds(lambda first, rest: t.Call(name, (*first, *rest)), frame, several)


def _chain(operators: str, operands: Values) -> Values:
    """Operands joined from the left by operators of one rank."""

    def joined(first: t.Value, rest: list[tuple[str, t.Value]]) -> t.Value:
        for operator, operand in rest:
            first = t.Binary(operator, first, operand)
        return first

    pairs = st.lists(st.tuples(st.sampled_from(operators.split()), operands), max_size=2)
    return st.builds(joined, operands, pairs)


def _casts(children: Values) -> Values:
    targets = st.sampled_from(SIMPLE).map(lambda name: (name.replace("-", " "), None))
    sized = st.tuples(st.sampled_from(["CHAR", "VARCHAR"]), st.integers(1, 99))
    return st.builds(lambda a, target: t.Cast(a, *target), children, st.one_of(targets, sized))


def _combine(children: Values) -> Values:
    enclosed = children.map(t.Parenthesised)
    atoms = st.one_of(leaves, enclosed)
    factors = st.one_of(atoms, st.builds(t.Signed, st.sampled_from("+-"), atoms))
    calls = st.sampled_from(sorted(CALL_FORMS)).flatmap(lambda name: _call(name, children))
    return st.one_of(
        enclosed,
        factors,
        _chain("||", _chain("+ -", _chain("* /", factors))),
        calls,
        st.builds(lambda a: t.Call("my_function", tuple(a)), st.lists(children, max_size=3)),
        st.sampled_from(["1/2", "3/4-7 8/"]).map(lambda moc: t.Call("MOC", (t.String(moc),))),
        st.builds(t.Aggregate, st.sampled_from(sorted(AGGREGATES)), children, st.booleans()),
        st.just(t.Aggregate("COUNT", None)),
        _casts(children),
    )


values = st.recursive(leaves, _combine, max_leaves=6)
any_value = st.one_of(values, strings, st.just(t.Null()))


def _predicates(queries: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.Condition]:
    flags = st.booleans()
    return st.one_of(
        st.builds(t.Comparison, st.sampled_from(["=", "<>", "<", ">", "<=", ">="]), any_value, any_value),
        st.builds(t.Between, values, values, values, flags),
        st.builds(t.InList, values, st.lists(any_value, min_size=1, max_size=3).map(tuple), flags),
        st.builds(t.InQuery, values, queries, flags),
        st.builds(t.Like, values, st.one_of(strings, values), flags, flags),
        st.builds(t.IsNull, values, flags),
        st.builds(t.Exists, queries),
    )


def _conditions(queries: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.Condition]:
    def wider(inner: st.SearchStrategy[t.Condition]) -> st.SearchStrategy[t.Condition]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(several.map(t.And), several.map(t.Or), inner.map(t.Not))

    return st.recursive(_predicates(queries), wider, max_leaves=4)


def _tables(queries: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.TableExpression]:
    parts = st.lists(names, min_size=1, max_size=3).map(tuple)
    bases = st.one_of(
        st.builds(t.TableName, parts, st.none() | names), st.builds(t.DerivedTable, queries, names)
    )
    kinds = st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"])
    using = st.lists(names, min_size=1, max_size=2).map(tuple)
    links = st.one_of(
        st.just({"natural": True}),
        using.map(lambda columns: {"using": columns}),
        _conditions(queries).map(lambda condition: {"on": condition}),
    )
    enclosing = st.one_of(
        st.just({}),
        st.just({"enclosed": True}),
        names.map(lambda alias: {"enclosed": True, "alias": alias}),
    )

    def joined(inner: st.SearchStrategy[t.TableExpression]) -> st.SearchStrategy[t.TableExpression]:
        # on the right a join stands in parentheses, or what belongs together would be read otherwise
        rights = st.one_of(bases, inner.filter(lambda table: not isinstance(table, t.Join) or table.enclosed))
        return st.builds(
            lambda kind, left, right, link, around: t.Join(kind, left, right, **link, **around),
            kinds,
            inner,
            rights,
            links,
            enclosing,
        )

    return st.recursive(bases, joined, max_leaves=3)


def _selects(queries: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.Select]:
    items = st.one_of(
        st.builds(t.Item, any_value, st.none() | names),
        st.lists(names, min_size=1, max_size=2).map(lambda parts: t.Star(tuple(parts))),
    )
    return st.builds(
        t.Select,
        st.one_of(st.just((t.Star(),)), st.lists(items, min_size=1, max_size=3).map(tuple)),
        st.lists(_tables(queries), min_size=1, max_size=2).map(tuple),
        st.booleans(),
        st.none() | st.integers(0, 1000),
        st.none() | _conditions(queries),
        st.lists(values, max_size=2).map(tuple),
        st.none() | _conditions(queries),
    )


def _queries(inner: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.Query]:
    selects = _selects(inner)
    operands = st.one_of(selects, inner)
    bodies = st.one_of(
        selects,
        st.builds(
            t.SetOperation,
            st.sampled_from(["UNION", "EXCEPT", "INTERSECT"]),
            operands,
            operands,
            st.booleans(),
        ),
    )
    terms = st.lists(st.builds(t.SortTerm, values, st.booleans()), max_size=2).map(tuple)
    return st.builds(t.Query, bodies, terms, st.none() | st.integers(0, 99))


simple = t.Query(t.Select((t.Item(t.Number("1")),), (t.TableName((t.Name("t"),)),)))
queries = st.recursive(st.just(simple), _queries, max_leaves=2)
trees = st.builds(
    t.Tree,
    queries,
    st.lists(st.builds(t.CommonTable, PLAIN.map(t.Name), queries), max_size=2).map(tuple),
)


def _kinds(node: Any) -> set[type]:
    """The classes of all nodes of a tree."""
    found = {type(node)}
    for each in fields(node):
        part = getattr(node, each.name)
        for item in part if isinstance(part, tuple) else (part,):
            if is_dataclass(item):
                found |= _kinds(item)
    return found


NODES = {
    kind
    for kind in vars(t).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == t.__name__
}
"""Every kind of node there is: one that these trees do not hold fails the second test."""


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees)
def test_printed_trees_parse_to_the_same_tree(tree: t.Tree) -> None:
    text = print_tree(tree)
    assert parse(text) == tree, text


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_the_trees_hold_nodes_of_every_kind() -> None:
    seen: set[type] = set()

    @settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(trees)
    def collect(tree: t.Tree) -> None:
        assert parse(print_tree(tree)) == tree
        seen.update(_kinds(tree))

    collect()
    assert len(NODES) > 30
    assert seen == NODES
