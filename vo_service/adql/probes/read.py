"""Candidates as one table, as long as they are not too many."""

from __future__ import annotations

import pyarrow as pa

from vo_service.adql.probes.asking import Ask, TooManyCandidates


def read(ask: Ask, sql: str, most: int, what: str, empty: pa.Schema | None = None) -> pa.Table:
    """All rows of a statement, or none of the schema ``empty``.

    Raises TooManyCandidates beyond ``most``; ``what`` names them.
    """
    batches, rows = [], 0
    for batch in ask(sql):
        rows += batch.num_rows
        if rows > most:
            raise TooManyCandidates(
                f"{what} has more than {most} different values to be tested one by one; "
                "add a condition on that table which leaves fewer rows"
            )
        batches.append(batch)
    return pa.Table.from_batches(batches) if batches else (empty or pa.schema([])).empty_table()
