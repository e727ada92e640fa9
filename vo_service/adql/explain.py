"""What becomes of a query, stage by stage, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import sqlglot

from tap_schema import Table
from vo_service.adql.errors import Place
from vo_service.adql.language.features import VERSIONS
from vo_service.adql.language.parser import parse
from vo_service.adql.meaning.resolve import resolve
from vo_service.adql.names import Names
from vo_service.adql.nodes.kinds import Facts
from vo_service.adql.planning.plan import plan_query
from vo_service.adql.writing.write import write
from vo_service.sky import Region


def explain(
    text: str,
    tables: Mapping[str, Table],
    dialect: str = "duckdb",
    version: str = VERSIONS[-1],
    names: Names | None = None,
) -> str:
    """Tree, resolved plan, output columns, warnings, probes and SQL of a query. Raises AdqlError.

    ``version`` is one of ``LANGUAGES``; ``names`` knows the targets that ``source`` is asked for.
    """
    tree = parse(text, version)
    plan = plan_query(resolve(tree, tables, names))
    written = write(plan, dialect)
    lines = ["-- tree", *_outline(tree, 0), "", "-- plan", *_outline(plan.query, 0), "", "-- columns"]
    for column in plan.columns:
        size = f"[{column.arraysize}]" if column.arraysize else ""
        facts = [f"{column.datatype}{size}", column.xtype, column.unit, column.ucd]
        lines.append(f"{column.adql_name}: " + ", ".join(fact for fact in facts if fact))
    lines += [f"-- warning: {warning}" for warning in plan.warnings]
    for probe in written.probes:
        lines += ["", f"-- probe {probe.name}: {probe.purpose}"]
        lines.append(_pretty(probe.sql, dialect))
    lines += ["", f"-- sql ({dialect})", _pretty(written.sql, dialect)]
    return "\n".join(lines)


def _pretty(sql: str, dialect: str) -> str:
    return sqlglot.parse_one(sql, dialect=dialect).sql(dialect=dialect, pretty=True)


def _outline(node: Any, depth: int, label: str = "") -> list[str]:
    """A node and its parts, indented; empty parts are left out."""
    indent = "  " * depth
    prefix = f"{label}: " if label else ""
    if isinstance(node, Region):
        return [f"{indent}{prefix}{node.brief()}"]
    if isinstance(node, Table):
        return [f"{indent}{prefix}{node.qualified}"]
    if not is_dataclass(node) or isinstance(node, type):
        return [f"{indent}{prefix}{node}"]
    plain, inner = [], []
    for each in fields(node):
        part = getattr(node, each.name)
        if part is None or part is False or part == () or isinstance(part, Place | Facts):
            continue
        if is_dataclass(part) or isinstance(part, tuple):
            inner.append((each.name, part))
        else:
            plain.append(f"{each.name}={part}")
    lines = [f"{indent}{prefix}{type(node).__name__} {' '.join(plain)}".rstrip()]
    for name, part in inner:
        if name == "ranges" and isinstance(part, tuple):
            lines.append(f"{indent}  ranges: {len(part)} of HEALPix pixels, order 29")
            continue
        for item in part if isinstance(part, tuple) else (part,):
            lines += _outline(item, depth + 1, name)
    return lines
