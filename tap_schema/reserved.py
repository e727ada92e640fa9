"""Words that ADQL 2.1 reserves (section 2.1.3 and its grammar): no plain name of anything."""

from __future__ import annotations

import re

_SQL92 = """
absolute action add all allocate alter and any are as asc assertion at authorization avg begin between bit
bit_length both by cascade cascaded case cast catalog char character character_length char_length check
close coalesce collate collation column commit connect connection constraint constraints continue convert
corresponding count create cross current current_date current_time current_timestamp current_user cursor
date day deallocate decimal declare default deferrable deferred delete desc describe descriptor
diagnostics disconnect distinct domain double drop else end end-exec escape except exception exec execute
exists external extract false fetch first float for foreign found from full get global go goto grant group
having hour identity immediate in indicator initially inner input insensitive insert int integer intersect
interval into is isolation join key language last leading left level like local lower match max min minute
module month names national natural nchar next no not null nullif numeric octet_length of on only open
option or order outer output overlaps pad partial position precision prepare preserve primary prior
privileges procedure public read real references relative restrict revoke right rollback rows schema
scroll second section select session session_user set size smallint some space sql sqlcode sqlerror
sqlstate substring sum system_user table temporary then time timestamp timezone_hour timezone_minute to
trailing transaction translate translation trim true union unique unknown update upper usage user using
value values varchar varying view when whenever where with work write year zone
"""

_ADQL = """
abs acos asin atan atan2 ceiling cos cot degrees exp floor log log10 mod pi power radians rand round sin
sqrt tan truncate area box centroid circle contains coord1 coord2 coordsys distance intersects point
polygon region bigint ilike in_unit offset top
"""

RESERVED = frozenset(_SQL92.split()) | frozenset(_ADQL.split())
"""All reserved words, in lower case."""

_REGULAR = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def is_regular(name: str) -> bool:
    """Whether ``name`` may stand in a query without quotes (ADQL 2.1 section 2.1.2)."""
    return _REGULAR.match(name) is not None and name.lower() not in RESERVED
