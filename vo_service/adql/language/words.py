"""The reserved words of ADQL as the lexer wants them, and what to write instead of other dialects' words."""

from __future__ import annotations

from functools import cache

from tap_schema import published
from tap_schema.reserved import RESERVED as _RESERVED_IN_21
from tap_schema.reserved import is_regular

# reserved since 2.1 only: ADQL-193
NEW_IN_21 = frozenset(("BIGINT", "COT", "ILIKE", "IN_UNIT", "OFFSET"))

_ALL = frozenset(word.upper() for word in _RESERVED_IN_21)

RESERVED = {"2.1": _ALL, "2.1-strict": _ALL, "2.0": _ALL - NEW_IN_21}

# what to write instead of something other dialects have
INSTEAD = {
    "CASE": "ADQL 2.1 has no CASE; COALESCE is its only conditional, UNION ALL joins the cases",
    "WHEN": "ADQL 2.1 has no CASE; COALESCE is its only conditional, UNION ALL joins the cases",
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
    "CURRENT_DATE": "ADQL has no clock; write the time as a string",
    "CURRENT_TIME": "ADQL has no clock; write the time as a string",
    "CURRENT_USER": "ADQL has no users",
    "SESSION_USER": "ADQL has no users",
    "SYSTEM_USER": "ADQL has no users",
    "USER": 'ADQL has no users; as a name write it in double quotes: "user"',
    "SUBSTRING": "ADQL has no SUBSTRING; use LIKE",
    "TRIM": "ADQL has no TRIM; use LIKE",
    "POSITION": 'ADQL has no POSITION; use LIKE; as a name write it in double quotes: "position"',
    "CHAR_LENGTH": "ADQL has no length of text",
    "CHARACTER_LENGTH": "ADQL has no length of text",
    "OCTET_LENGTH": "ADQL has no length of text",
    "EXTRACT": "ADQL has no parts of times; compare with a time written as a string",
    "CONVERT": "write CAST(x AS type)",
    "TRANSLATE": "ADQL has no TRANSLATE",
    "ANY": "use IN (SELECT ...)",
    "SOME": "use IN (SELECT ...)",
    "SELECT": "a query inside another stands in parentheses, in FROM, behind IN or EXISTS",
    "DISTINCT": "DISTINCT stands right behind SELECT or inside an aggregate, as in COUNT(DISTINCT a)",
    "VALUES": "ADQL selects FROM tables only",
}

# characters that stand in no query outside quotes
STRANGERS = {
    "%": "write MOD(x, y) for a remainder",
    "&": "ADQL 2.1 has no bitwise operators; conditions are joined by AND",
    "|": "strings are joined by ||; ADQL 2.1 has no bitwise operators",
    "^": "write POWER(x, y)",
    "~": "ADQL has no regular expressions; use LIKE",
    "`": 'write names that need quoting in double quotes, as in "name"',
    "[": "ADQL has no arrays to index",
    "]": "ADQL has no arrays to index",
    "{": "ADQL has no escapes in braces",
    "@": "ADQL has no variables; write the value",
    "$": "ADQL has no parameters and no dollar quotes; write the value, text in single quotes",
    "!": "write <> or !=",
    "?": "ADQL has no parameters; write the value",
    ":": "ADQL has no casts by ::; write CAST(x AS type)",
    "_": 'a name starts with a letter; otherwise write it in double quotes, as in "_name"',
    "\\": "a backslash may stand inside quotes only",
    "#": "a comment starts with --",
}


# two marks without a blank between them, that stand in no query
INSTEAD_OF_MARKS = {
    "==": "write =",
    "=>": "write >=",
    "=<": "write <=",
    "><": "write <>",
    "<=>": "write =, and IS NULL for NULLs",
    "<<": "ADQL 2.1 has no bitwise operators",
    ">>": "ADQL 2.1 has no bitwise operators",
    "->": "ADQL has no paths into values",
    "**": "write POWER(x, y)",
    "//": "integers divide as integers: write a / b",
    "!==": "write <> or !=",
}

# alone between two tables these look like joins, and are aliases: ADQL-042
ALIASES_LIKE_JOINS = frozenset("SEMI ANTI ASOF HASH LATERAL LOOP MERGE POSITIONAL STRAIGHT".split())

# names behind a query that other dialects go on with
INSTEAD_OF_TAILS = {
    "LIMIT": "there is no LIMIT: write SELECT TOP n ..., and OFFSET m at the end",
    "FETCH": "there is no LIMIT: write SELECT TOP n ..., and OFFSET m at the end",
    "MINUS": "write EXCEPT",
    "QUALIFY": "there is no QUALIFY; put the condition round a derived table",
    "WINDOW": "ADQL has no window functions",
    "OVER": "ADQL has no window functions; join with a derived table that groups",
    "FILTER": "there is no FILTER; put the condition into WHERE",
    "WITHIN": "ADQL has no ordered aggregates",
    "TABLESAMPLE": "there is no TABLESAMPLE; write SELECT TOP n ... ORDER BY RAND()",
    "COLLATE": "strings are compared by code point; ADQL has no COLLATE",
    "REGEXP": "ADQL has no regular expressions; use LIKE",
    "RLIKE": "ADQL has no regular expressions; use LIKE",
    "SIMILAR": "use LIKE",
    "MATCH": "use LIKE",
    "OVERLAPS": "compare the ends of the intervals",
    "DIV": "integers divide as integers: write a / b",
    "MOD": "write MOD(a, b)",
    "XOR": "ADQL has AND, OR and NOT",
    "NULLS": "NULLs sort as larger than every value; ADQL has no NULLS FIRST",
    "RECURSIVE": "ADQL has no recursion",
}

# functions of other dialects
INSTEAD_OF_CALLS = {
    "IF": "ADQL has no IF; COALESCE is its only conditional",
    "IIF": "ADQL has no IIF; COALESCE is its only conditional",
    "IFNULL": "write COALESCE(a, b)",
    "NVL": "write COALESCE(a, b)",
    "ISNULL": "write COALESCE(a, b), or a IS NULL",
    "LN": "LOG(x) is the natural logarithm",
    "POW": "write POWER(x, y)",
    "CEIL": "write CEILING(x)",
    "TRUNC": "write TRUNCATE(x)",
    "RANDOM": "write RAND()",
    "LCASE": "write LOWER(text)",
    "UCASE": "write UPPER(text)",
    "CONCAT": "write a || b",
    "NOW": "ADQL has no clock; write the time as a string",
    "TO_TIMESTAMP": "write CAST(text AS TIMESTAMP)",
    "STDDEV": "write SQRT(AVG(POWER(x, 2)) - POWER(AVG(x), 2))",
    "VARIANCE": "write AVG(POWER(x, 2)) - POWER(AVG(x), 2)",
    "MEDIAN": "ADQL has no medians; AVG is the mean",
    "STDDEV_POP": "write SQRT(AVG(POWER(x, 2)) - POWER(AVG(x), 2))",
    "STDEV": "write SQRT(AVG(POWER(x, 2)) - POWER(AVG(x), 2))",
    "GREATEST": "ADQL has no larger of two values; of rows MAX is the largest",
    "LEAST": "ADQL has no smaller of two values; of rows MIN is the smallest",
    "LENGTH": "ADQL has no length of text",
    "LEN": "ADQL has no length of text",
    "SUBSTR": "ADQL has no SUBSTRING; use LIKE",
    "REPLACE": "ADQL changes no texts; use LIKE to find them",
    "SIGN": "write x / ABS(x)",
    "VERSION": "what the service is and speaks is in its capabilities",
    "STRING_AGG": "write ivo_string_agg(text, ', ')",
    "GROUP_CONCAT": "write ivo_string_agg(text, ', ')",
    "IVO_SIMBADPOINT": "write source('M83')",
    "Q3C_RADIAL_QUERY": "write DISTANCE(lon1, lat1, lon2, lat2) < r",
    "Q3C_JOIN": "write DISTANCE(lon1, lat1, lon2, lat2) < r",
}


@cache
def published_spelling(word: str) -> str:
    """How a reserved word that is a published name is spelt there, else its lower-case form (ADQL-021)."""
    for table in published().values():
        for column in table.columns:
            if column.name.upper() == word and not is_regular(column.name):
                return column.name
    return word.lower()
