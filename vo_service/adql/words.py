"""The reserved words of ADQL as the lexer wants them, and what to write instead of other dialects' words."""

from __future__ import annotations

from tap_schema.reserved import RESERVED as _RESERVED_IN_21

# reserved since 2.1 only: ADQL-193
NEW_IN_21 = frozenset(("BIGINT", "COT", "ILIKE", "IN_UNIT", "OFFSET"))

_ALL = frozenset(word.upper() for word in _RESERVED_IN_21)

RESERVED = {"2.1": _ALL, "2.0": _ALL - NEW_IN_21}

# what to write instead of something other dialects have
INSTEAD = {
    "CASE": "ADQL 2.1 has no CASE; COALESCE is its only conditional",
    "WHEN": "ADQL 2.1 has no CASE; COALESCE is its only conditional",
    "NULLIF": "ADQL 2.1 has no NULLIF; COALESCE is its only conditional",
    "CROSS": "for a cross product separate the tables by a comma",
    "ESCAPE": "ADQL has no ESCAPE; \\_ and \\% stand for the plain characters",
    "TRUE": "ADQL has no boolean; compare with 1 or 0",
    "FALSE": "ADQL has no boolean; compare with 1 or 0",
    "TIMESTAMP": "write CAST('2020-01-01T00:00:00' AS TIMESTAMP)",
    "DATE": "write CAST('2020-01-01' AS TIMESTAMP)",
    "TIME": "write CAST('2020-01-01T00:00:00' AS TIMESTAMP)",
    "INTERVAL": "ADQL has no interval arithmetic",
    "FETCH": "write TOP n after SELECT, OFFSET m at the end",
    "CURRENT_TIMESTAMP": "ADQL has no clock; write the time as a string",
    "SUBSTRING": "ADQL has no SUBSTRING; use LIKE",
    "ANY": "use IN (SELECT ...)",
    "SOME": "use IN (SELECT ...)",
}
