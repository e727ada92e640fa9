"""Columns that are made at query time: the same values wherever they stand, in a derived table or without."""

from __future__ import annotations

from collections import Counter

import pytest

RESULT = "obs_id, data_rights, s_region, access_url AS data, obs_release_date"
OBSCORE = "ivoa.obscore"
BARE = [
    f"SELECT {RESULT} FROM {OBSCORE}",
    f"SELECT * FROM {OBSCORE}",
    f"SELECT {RESULT} FROM {OBSCORE} WHERE t_min < 57000",
    f"SELECT {RESULT} FROM {OBSCORE} ORDER BY t_min",
    f"SELECT UPPER(target_name) AS data_rights, access_url FROM {OBSCORE} AS x",
    f"SELECT obs_release_date AS data_rights, data_rights AS obs_release_date FROM {OBSCORE}",
]
WRAPPED = [
    f"SELECT {RESULT} FROM {OBSCORE} WHERE data_rights = 'Public'",
    f"SELECT DISTINCT {RESULT} FROM {OBSCORE}",
    f"SELECT data_rights, COUNT(*) AS n FROM {OBSCORE} GROUP BY data_rights",
    f"SELECT access_url, LOWER(access_url) AS small FROM {OBSCORE}",
    f"SELECT {RESULT} FROM {OBSCORE} ORDER BY LOWER(data_rights)",
    f"SELECT {RESULT} FROM {OBSCORE} AS x WHERE EXISTS (SELECT 1 AS one FROM {OBSCORE} AS y "
    "WHERE y.obs_id = x.data_rights)",
    f"SELECT a.data_rights FROM {OBSCORE} AS a JOIN {OBSCORE} AS b ON a.obs_id = b.obs_id",
]


@pytest.mark.parametrize("adql", BARE)
def test_a_table_is_not_wrapped_for_a_result(sky, adql: str) -> None:
    assert sky.text(adql).count("SELECT") == 1


@pytest.mark.parametrize("adql", WRAPPED)
def test_a_table_is_wrapped_for_all_else(sky, adql: str) -> None:
    assert '"ivoa"."obscore") AS "t' in sky.text(adql)


def test_values_are_the_same_with_and_without_a_derived_table(both_engines) -> None:
    every = "(data_rights = 'Public' OR data_rights = 'Proprietary')"
    for engine in both_engines:
        for adql in BARE:
            order = adql.find(" ORDER BY")
            body, end = (adql, "") if order < 0 else (adql[:order], adql[order:])
            wrapped = f"{body} {'AND' if 'WHERE' in body else 'WHERE'} {every}{end}"
            bare, other = engine.ask(adql).rows, engine.ask(wrapped).rows
            assert len(bare) > 10
            assert Counter(map(repr, bare)) == Counter(map(repr, other)), (engine.name, adql)


def test_a_name_that_is_given_to_another_column_stays_with_it(engine_under_test) -> None:
    swapped = engine_under_test.ask(BARE[-1] + " ORDER BY obs_id").rows
    plain = engine_under_test.ask(
        f"SELECT obs_release_date AS a, data_rights AS b FROM {OBSCORE} ORDER BY obs_id"
    )
    assert swapped == plain.rows
    assert {right for _, right in swapped} == {"Public", "Proprietary"}
