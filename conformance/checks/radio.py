"""The radio extension of ObsCore: ivoa.obscore_radio beside ivoa.obscore."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.columns import compare, load_columns
from conformance.findings import judged, not_applicable, not_checked
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Service, rows_of


def _radio_columns(service: Service) -> dict[str, dict[str, object]]:
    return {
        str(c["column_name"]).lower(): c
        for c in service.columns
        if str(c["table_name"]).lower() == "ivoa.obscore_radio"
    }


@requirement("RAD-003", clause="Radio extension 1.0, tables", level=Level.MUST, service="obscore")
def columns(service: Service) -> Iterator[Finding]:
    """All columns of the extension are there as it lists them"""
    found = _radio_columns(service)
    if not found:
        yield not_applicable("no ivoa.obscore_radio here")
        return
    for column in load_columns("radio_columns"):
        row = found.get(column.name)
        if row is not None:  # the note gives its utypes no prefix: both spellings pass
            utype = str(row["utype"] or "")
            row = {**row, "utype": utype if utype.lower().startswith("obscore:") else f"obscore:{utype}"}
        yield from compare(column, row)


@requirement("RAD-004", clause="Radio extension 1.0, joins", level=Level.MUST, service="obscore")
def one_column_in_common(service: Service) -> Iterator[Finding]:
    """The two tables share obs_publisher_did and no other column"""
    found = _radio_columns(service)
    if not found:
        yield not_applicable("no ivoa.obscore_radio here")
        return
    shared = sorted(set(found) & set(service.obscore_columns))
    yield judged(shared == ["obs_publisher_did"], f"they share {shared}")


@requirement("RAD-007", clause="practice", level=Level.PRACTICE, service="obscore")
def joins_lose_no_row(service: Service) -> Iterator[Finding]:
    """A natural join of the two tables keeps every row of ivoa.obscore"""
    if not _radio_columns(service):
        yield not_applicable("no ivoa.obscore_radio here")
        return
    answer = service.query("SELECT COUNT(*) AS n FROM ivoa.obscore NATURAL JOIN ivoa.obscore_radio")
    joined = rows_of(answer)[0]["n"]
    every = rows_of(service.query("SELECT COUNT(*) AS n FROM ivoa.obscore"))[0]["n"]
    if every == 0:
        yield not_checked("ivoa.obscore holds no rows to join")
        return
    yield judged(joined == every, f"{joined} of {every} rows are joined", answer)


CHECKS: tuple[Check, ...] = (columns, one_column_in_common, joins_lose_no_row)
