"""What the last look at each ingest root could not take: closed folders, links, members of tars, empty roots.

None of it has a row in the holdings, so it is remembered beside them: a run that looks at a part of a root,
or does not open an unchanged tar, leaves what is known of the rest as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate

import sqlalchemy as sa

from vo_service.holdings.comparison import Comparison, is_hidden
from vo_service.holdings.discover import Unreachable
from vo_service.holdings.group import Place
from vo_service.holdings.roots import Naming
from vo_service.store import Catalogue

_METADATA = sa.MetaData()
_TABLE = sa.Table(
    "out_of_reach",
    _METADATA,
    sa.Column("root", sa.String(200), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("error_class", sa.String(64), nullable=False),
    sa.Column("error_message", sa.Text, nullable=False),
)


def read_out_of_reach(catalogue: Catalogue) -> list[Unreachable]:
    """All of it, in the order of places."""
    with catalogue.reading() as connection:
        if not sa.inspect(connection).has_table(_TABLE.name):
            return []
        rows = connection.execute(sa.select(_TABLE).order_by(_TABLE.c.root, _TABLE.c.path))
        return [Unreachable(*row) for row in rows]


def keep_out_of_reach(catalogue: Catalogue, problems: Sequence[Unreachable]) -> None:
    """Remember these instead of all that was remembered; of several at one place the last."""
    rows = {
        (each.root, each.path): {
            "root": each.root,
            "path": each.path,
            "error_class": each.kind,
            "error_message": each.message,
        }
        for each in problems
    }
    with catalogue.writing() as connection:
        _METADATA.create_all(connection)
        connection.execute(sa.delete(_TABLE))
        if rows:
            connection.execute(sa.insert(_TABLE), list(rows.values()))


def tars_to_open(problems: Iterable[Unreachable], retry: Collection[str]) -> frozenset[Place]:
    """Places that may be tars with members which could not be taken, for a class of error to be retried."""
    return frozenset(
        (each.root, folder) for each in problems if each.kind in retry for folder in _folders(each.path)
    )


def still_out_of_reach(
    former: Iterable[Unreachable], naming: Naming, comparison: Comparison
) -> list[Unreachable]:
    """What is out of reach after a run: what it met, and what was so before where it did not look."""
    kept = [
        each
        for each in former
        if each.root not in naming.leaving
        and (
            not any(root.name == each.root and root.covers(each.path) for root in naming.roots)
            or is_hidden(each, comparison)
            or any((each.root, folder) in comparison.unopened for folder in _folders(each.path))
        )
    ]
    return [*kept, *comparison.problems]


def _folders(path: str) -> list[str]:
    """The folders, or tars, that a path leads through."""
    return list(accumulate(path.split("/")[:-1], "{}/{}".format))
