"""Queries made from tables: functions by hard values, shapes by hard positions, joins and sets by NULLs.

Each comes with what it must give, from the oracle; nothing here is copied from an answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from corpus.cases import HERE, Case, Refused, marked

POSITIONS = {
    "column": "SELECT t.¶{} FROM ivoa.obscore AS t",
    "table": "SELECT obs_id FROM ivoa.¶{}",
    "alias": "SELECT obs_id FROM ivoa.obscore AS ¶{}",
    "label": "SELECT obs_id AS ¶{} FROM ivoa.obscore",
    "common table": "WITH ¶{} AS (SELECT obs_id FROM ivoa.obscore) SELECT obs_id FROM ivoa.obscore",
}
NUMBERS = ("s_dec", "em_xel", "em_res_power", "0", "0.5", "-1.5", "1e300", "-0.0", "t_xel / 7.0")
ONE = (
    "ABS CEILING FLOOR EXP LOG LOG10 SQRT SIN COS TAN COT ASIN ACOS ATAN RADIANS DEGREES ROUND TRUNCATE"
).split()
TWO = ("MOD", "POWER", "ATAN2")
PYTHON = {
    "s_dec": "o.s_dec",
    "em_xel": "o.em_xel",
    "em_res_power": "o.em_res_power",
    "t_xel / 7.0": "o.t_xel / 7.0",
}

SHAPES = {
    "over the pole": "CIRCLE(30, 85, 20)",
    "round RA 0": "CIRCLE(359, 5, 25)",
    "beyond 90 degrees": "CIRCLE(150, -20, 115)",
    "concave": "POLYGON(300, -60, 60, -60, 60, 40, 0, -40, 300, 40)",
    "round the south pole": "POLYGON(0, -40, 90, -50, 180, -40, 270, -50)",
    "turned the other way": "POLYGON(40, 30, 40, -30, -40, -30, -40, 30)",
    "small": "POLYGON(9.5, 19.5, 10.5, 19.5, 10, 20.5)",
    "a box": "BOX(200, 60, 50, 40)",
}
"""The oracle has functions of the same names in lower case."""
POINTS = {
    "own": ("POINT(s_ra, s_dec)", "o.s_ra, o.s_dec"),
    "opposite": ("POINT(s_ra + 180, -s_dec)", "o.s_ra + 180, -o.s_dec"),
    "wound up": ("POINT(s_ra - 720, s_dec)", "o.s_ra - 720, o.s_dec"),
}
COMPARISONS = {
    "1 = {}": "{}",
    "{} = 0": "~{}",
    "NOT {} = 1": "~{}",
    "{} > 0 OR calib_level = 2": "{} | (o.calib_level == 2)",
}
JOINS = {"INNER": "join", "LEFT": "left_join", "RIGHT": "right_join", "FULL": "full_join"}
SETS = {
    "EXCEPT": "except_",
    "EXCEPT ALL": "except_all",
    "INTERSECT": "intersect",
    "INTERSECT ALL": "intersect_all",
}
KEYS = ("member_ous_uid", "proposal_id", "target_name", "origin")


def reserved_words() -> list[str]:
    """All reserved words but END-EXEC, which no rule needs (ADQL-022)."""
    lines = (HERE / "reserved.txt").read_text(encoding="utf-8").splitlines()
    words = [word for line in lines if not line.startswith("#") for word in line.split()]
    return [word for word in words if word != "END-EXEC"]


def reserved_names(position: str) -> Iterator[Refused]:
    """Each reserved word as a name in one position, in three spellings by turns."""
    for number, word in enumerate(reserved_words()):
        spelt = (word, word.lower(), word.capitalize())[number % 3]
        yield marked(POSITIONS[position].format(spelt), ("ADQL-005",), "")


def generated_cases() -> list[Case]:
    """All of them, in a fixed order."""
    return [*_functions(), *_shapes(), *_joins(), *_sets()]


def _case(
    name: str, ids: tuple[str, ...], adql: str, columns: tuple[str, ...], rows: str, **more: object
) -> Case:
    return Case(ids, adql, columns, rows, name, point="any", fields=False, **more)  # type: ignore[arg-type]


def _python(value: str) -> str:
    return PYTHON.get(value, value)


def _functions() -> Iterator[Case]:
    calls = [(name, (value,)) for name in ONE for value in NUMBERS]
    calls += [(name, pair) for name in TWO for pair in itertools.product(NUMBERS[:6], NUMBERS[1:7])]
    for name, values in calls:
        call = f"{name}({', '.join(values)})"
        rows = f"[(o.obs_id, {name}({', '.join(map(_python, values))})) for o in obscore if o.s_dec > 45]"
        adql = f"SELECT obs_id, {call} AS v FROM ivoa.obscore WHERE s_dec > 45"
        yield _case(call, ("ADQL-100", "ADQL-119"), adql, ("obs_id", "v"), rows, tolerance=1e-9)


def _shapes() -> Iterator[Case]:
    for (kind, shape), (point, (adql, place)), (text, keep) in itertools.product(
        SHAPES.items(), POINTS.items(), COMPARISONS.items()
    ):
        condition = text.format(f"CONTAINS({adql}, {shape})")
        kept = keep.format(f"inside({place}, {shape.lower()})")
        yield _case(
            f"{point} position, {kind}, {text}",
            ("ADQL-146", "ADQL-160"),
            f"SELECT obs_id FROM ivoa.obscore WHERE {condition}",
            ("obs_id",),
            f"[(o.obs_id,) for o in obscore if {kept}]",
            warns=("BOX",) if "BOX" in shape else (),
        )


def _joins() -> Iterator[Case]:
    for (kind, function), key in itertools.product(JOINS.items(), KEYS):
        on = f"lambda d, o: d.{key} == o.{key}"
        merged = f"coalesce(d.{key}, o.{key})"
        pairs = f"{function}(dataset, observation, {on})"
        tables = f"holdings.dataset AS d {kind} JOIN holdings.observation AS o"
        yield _case(
            f"{kind} JOIN ON {key}",
            ("ADQL-042", "ADQL-081"),
            f"SELECT d.dataset_id, o.observation_id FROM {tables} ON d.{key} = o.{key}",
            ("dataset_id", "observation_id"),
            f"[(d.dataset_id, o.observation_id) for d, o in {pairs}]",
        )
        yield _case(
            f"{kind} JOIN USING {key}",
            ("ADQL-042", "ADQL-046"),
            f"SELECT {key}, d.dataset_id, o.observation_id FROM {tables} USING ({key})",
            (key, "dataset_id", "observation_id"),
            f"[({merged}, d.dataset_id, o.observation_id) for d, o in {pairs}]",
        )
        yield _case(
            f"NATURAL {kind} JOIN {key}",
            ("ADQL-048", "ADQL-231"),
            f"SELECT {key}, dataset_id, observation_id "
            f"FROM (SELECT {key}, dataset_id FROM holdings.dataset) AS d "
            f"NATURAL {kind} JOIN (SELECT observation_id, {key} FROM holdings.observation) AS o",
            (key, "dataset_id", "observation_id"),
            f"[({merged}, d.dataset_id, o.observation_id) for d, o in {pairs}]",
        )


def _sets() -> Iterator[Case]:
    for (operator, function), (one, other) in itertools.product(
        SETS.items(), itertools.permutations(KEYS[:3], 2)
    ):
        columns = f"{one}, origin", f"{other}, origin"
        left = f"[(plain(d.{one}), plain(d.origin)) for d in dataset]"
        right = f"[(plain(o.{other}), plain(o.origin)) for o in observation if o.t_exptime > 300]"
        yield _case(
            f"{operator} of {one} and {other}",
            ("ADQL-059", "ADQL-065"),
            f"SELECT {columns[0]} FROM holdings.dataset {operator} "
            f"SELECT {columns[1]} FROM holdings.observation WHERE t_exptime > 300",
            (one, "origin"),
            f"{function}({left}, {right})",
        )
