"""Tables that come with a query (TAP 1.1, 2.7.6)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from functools import wraps
from typing import Literal

import numpy as np
from astropy.table import Table

from conformance.evidence import is_result, refused, where_queries_work
from conformance.findings import judged, not_applicable
from conformance.model import Check, CheckFunction, Finding, Level, requirement
from conformance.service import Answer, Service, rows_of

Serialization = Literal["tabledata", "binary", "binary2"]
_ROWS = {
    "n": np.array([1, -2, 2**40]),
    "x": np.array([1.5, np.nan, -1e-300]),
    "t": np.array(["a", "", "<&>"]),
    "my col": np.array([True, False, True]),
}


def _table(serialization: Serialization = "tabledata", **columns: np.ndarray) -> bytes:
    """A VOTable of three rows."""
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Table(columns or _ROWS).write(target, format="votable", tabledata_format=serialization)
    return target.getvalue()


def _ask(service: Service, adql: str, upload: str, **parts: bytes) -> Answer:
    params = {"LANG": "ADQL", "QUERY": adql, "UPLOAD": upload}
    return service.post(
        f"{service.tap_path}/sync",
        params,
        files={name: (f"{name}.vot", part) for name, part in parts.items()},
    )


def _declared(service: Service) -> list[str]:
    """The upload methods that the capabilities name, without what all begin with."""
    capability = service.tap_capability
    found = [] if capability is None else list(capability.iter("uploadMethod"))
    return [str(method.get("ivo-id", "")).rpartition("#")[2] for method in found]


def _where_declared(function: CheckFunction) -> CheckFunction:
    """Judge only a service that says it takes tables with the request."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        if service.tap_capability is not None and "upload-inline" not in _declared(service):
            yield not_applicable("no inline uploads are declared")
        else:
            yield from function(service)

    return judge


@requirement("TAP-097", clause="TAPRegExt 1.0, 2.5", level=Level.PRACTICE, service="uploads")
@where_queries_work
def undeclared_uploads_are_refused(service: Service) -> Iterator[Finding]:
    """A service that declares no uploads refuses UPLOAD, and does not ignore it"""
    if _declared(service):
        yield not_applicable(f"uploads are declared: {_declared(service)}")
        return
    query = f"SELECT table_name, {service.number} AS probe FROM TAP_SCHEMA.tables"
    yield refused(_ask(service, query, "mine,param:p", p=_table()), "UPLOAD")


@requirement("TAP-294", clause="TAPRegExt 1.0, 2.5", level=Level.MUST, service="uploads")
def both_methods_are_declared(service: Service) -> Iterator[Finding]:
    """Whoever takes uploads declares them inline and by http"""
    declared = _declared(service)
    if service.tap_capability is not None and not declared:
        yield not_applicable("no uploads are declared")
        return
    yield judged({"upload-inline", "upload-http"} <= set(declared), f"declared are {declared}")


@requirement("TAP-080", clause="TAP 1.1, 2.7.6", level=Level.MUST, service="uploads")
@_where_declared
def every_serialization_is_read(service: Service) -> Iterator[Finding]:
    """VOTables are read in TABLEDATA, BINARY and BINARY2"""
    query = f"SELECT m.*, {service.number} AS probe FROM TAP_UPLOAD.mine AS m"
    kinds: tuple[Serialization, ...] = ("tabledata", "binary", "binary2")
    for kind in kinds:
        answer = _ask(service, query, "mine,param:p", p=_table(kind))
        yield judged(is_result(service, answer, 3), f"{kind.upper()} gives its three rows", answer)


@requirement("TAP-090", clause="TAP 1.1, 2.7.6", level=Level.MUST, service="uploads")
@_where_declared
def values_come_back(service: Service) -> Iterator[Finding]:
    """Uploaded values come back as they are"""
    query = f"SELECT n, x, t, {service.number} AS probe FROM TAP_UPLOAD.mine"
    answer = _ask(service, query, "mine,param:p", p=_table())
    yield judged(is_result(service, answer, 3), "the table can be queried", answer)
    rows = rows_of(answer)
    yield judged({row["n"] for row in rows} == {1, -2, 2**40}, "integers are the same", answer)
    yield judged({row["x"] for row in rows} == {1.5, None, -1e-300}, "so are doubles and NaN", answer)
    texts = {str(row["t"] or "") for row in rows}
    yield judged(texts == {"a", "", "<&>"}, f"and texts ({texts})", answer)


@requirement("TAP-086", clause="TAP 1.1, 2.7.6", level=Level.MUST, service="uploads")
@_where_declared
def odd_names_are_delimited(service: Service) -> Iterator[Finding]:
    """Columns whose names are no identifiers are there between quotes; schema and table in any case"""
    query = f'SELECT "my col", {service.number} AS probe FROM tap_upload.MINE'
    answer = _ask(service, query, "Mine,param:p", p=_table())
    yield judged(is_result(service, answer, 3), '"my col" can be asked for', answer)


@requirement("TAP-087", clause="TAP 1.1, 2.7.6", level=Level.MUST, service="uploads")
@_where_declared
def several_tables_are_taken(service: Service) -> Iterator[Finding]:
    """Two tables with one request can be joined"""
    query = (
        f"SELECT a.n, {service.number} AS probe FROM TAP_UPLOAD.a AS a JOIN TAP_UPLOAD.b AS b ON a.n = b.k"
    )
    params = [("LANG", "ADQL"), ("QUERY", query), ("UPLOAD", "a,param:p"), ("UPLOAD", "b,param:q")]
    other = _table("tabledata", k=np.array([1, 5]))
    files = {"p": ("p.vot", _table()), "q": ("q.vot", other)}
    answer = service.post(f"{service.tap_path}/sync", params, files=files)
    yield judged(is_result(service, answer, 1), "the join gives its one row", answer)


@requirement("TAP-081", clause="DALI 1.1, 4.3.5", level=Level.MUST, service="uploads")
@where_queries_work
@_where_declared
def missing_parts_are_errors(service: Service) -> Iterator[Finding]:
    """UPLOAD that names a part which is not there is an error"""
    query = f"SELECT table_name, {service.number} AS probe FROM TAP_SCHEMA.tables"
    yield refused(_ask(service, query, "mine,param:other", p=_table()), "UPLOAD=mine,param:other")


@requirement("TAP-083", clause="TAP 1.1, 2.7.6", level=Level.MUST, service="uploads")
@where_queries_work
@_where_declared
def names_are_identifiers(service: Service) -> Iterator[Finding]:
    """Names of uploads that are no identifiers are refused"""
    query = f"SELECT table_name, {service.number} AS probe FROM TAP_SCHEMA.tables"
    for name in ("1a", "a.b", "a b"):
        yield refused(_ask(service, query, f"{name},param:p", p=_table()), f"UPLOAD={name},param:p")


@requirement("TAP-093", clause="practice", level=Level.PRACTICE, service="uploads")
@where_queries_work
@_where_declared
def broken_tables_are_errors(service: Service) -> Iterator[Finding]:
    """An upload that is no table is an error document, entities are not expanded"""
    bomb = b'<!DOCTYPE V [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><VOTABLE>&b;</VOTABLE>'
    for what, content in (("broken XML", b"<VOTABLE><RESOURCE>"), ("entities", bomb), ("nothing", b"")):
        answer = _ask(service, "SELECT * FROM TAP_UPLOAD.mine", "mine,param:p", p=content)
        yield refused(answer, f"an upload of {what}")


@requirement("TAP-085", clause="TAP 1.1, 2.7.6", level=Level.MUST, service="uploads")
@_where_declared
def uploads_leave_no_trace(service: Service) -> Iterator[Finding]:
    """Uploads are in no list of tables and gone with their query"""
    name = f"mine{service.number}"  # no table of the service's own bears it
    listed = f"SELECT table_name FROM TAP_SCHEMA.tables WHERE LOWER(table_name) LIKE '%{name}%'"
    query = f"SELECT n, {service.number} AS probe FROM TAP_UPLOAD.{name}"
    used = _ask(service, query, f"{name},param:p", p=_table())
    yield judged(is_result(service, used, 3), "the upload is there with its query", used)
    tables = _ask(service, listed, f"{name},param:p", p=_table())
    yield judged(tables.status == 200 and not rows_of(tables), "TAP_SCHEMA does not list it", tables)
    yield refused(service.query(query), "the query without its upload")


CHECKS: tuple[Check, ...] = (
    both_methods_are_declared,
    undeclared_uploads_are_refused,
    every_serialization_is_read,
    values_come_back,
    odd_names_are_delimited,
    several_tables_are_taken,
    missing_parts_are_errors,
    names_are_identifiers,
    broken_tables_are_errors,
    uploads_leave_no_trace,
)
