"""Random trees print to text that parses back to the same tree."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vo_service.adql import parse, print_tree
from vo_service.adql import tree as t

PLAIN = st.sampled_from(["ra", "dec", "t1", "Flux", "obs_id", "limit", "name"])
names = st.one_of(
    PLAIN.map(t.Name),
    st.sampled_from(["size", "a b", 'q"q', "Größe", "x.y", "SELECT"]).map(lambda text: t.Name(text, True)),
)
numbers = st.sampled_from(["0", "1", "42", "2.5", ".5", "3.", "1e3", "4.2E-7", "12345678901"]).map(t.Number)
strings = st.sampled_from(["", "x", "it's", "a--b", "100\\%", "two\nlines", '"']).map(t.String)
columns = st.lists(names, min_size=1, max_size=3).map(lambda parts: t.ColumnName(tuple(parts)))
leaves = st.one_of(columns, numbers)


def _combine(children: st.SearchStrategy[t.Value]) -> st.SearchStrategy[t.Value]:
    enclosed = children.map(t.Parenthesised)
    atoms = st.one_of(leaves, enclosed)
    return st.one_of(
        enclosed,
        st.builds(t.Signed, st.sampled_from("+-"), atoms),
        st.builds(t.Binary, st.sampled_from(["+", "-", "*", "/", "||"]), atoms, atoms),
        st.builds(lambda a, b: t.Call("ATAN2", (a, b)), children, children),
        st.builds(lambda a: t.Call("my_function", tuple(a)), st.lists(children, max_size=3)),
        st.builds(lambda a, b: t.Call("POINT", (t.String("ICRS"), a, b)), children, children),
        st.builds(t.Aggregate, st.sampled_from(["COUNT", "SUM", "MIN"]), children, st.booleans()),
        st.builds(t.Cast, children, st.sampled_from(["REAL", "DOUBLE PRECISION", "TIMESTAMP"])),
        st.builds(t.Cast, children, st.just("VARCHAR"), st.integers(1, 99)),
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
        st.builds(t.Like, values, strings, flags, flags),
        st.builds(t.IsNull, values, flags),
        st.builds(t.Exists, queries),
    )


def _conditions(queries: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.Condition]:
    def wider(inner: st.SearchStrategy[t.Condition]) -> st.SearchStrategy[t.Condition]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(several.map(t.And), several.map(t.Or), inner.map(t.Not))

    return st.recursive(_predicates(queries), wider, max_leaves=4)


def _tables(queries: st.SearchStrategy[t.Query]) -> st.SearchStrategy[t.TableExpression]:
    parts = st.lists(names, min_size=1, max_size=2).map(tuple)
    bases = st.one_of(
        st.builds(t.TableName, parts, st.none() | names), st.builds(t.DerivedTable, queries, names)
    )
    kinds = st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"])

    def joined(inner: st.SearchStrategy[t.TableExpression]) -> st.SearchStrategy[t.TableExpression]:
        return st.one_of(
            st.builds(lambda k, a, b, c: t.Join(k, a, b, on=c), kinds, inner, bases, _predicates(queries)),
            st.builds(lambda k, a, b: t.Join(k, a, b, natural=True), kinds, inner, bases),
            st.builds(
                lambda k, a, b, u, alias: t.Join(k, a, b, using=tuple(u), enclosed=True, alias=alias),
                kinds,
                inner,
                bases,
                st.lists(names, min_size=1, max_size=2),
                st.none() | names,
            ),
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


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees)
def test_printed_trees_parse_to_the_same_tree(tree: t.Tree) -> None:
    text = print_tree(tree)
    assert parse(text) == tree, text
