"""Frames and time systems of columns in answers: of tables that come with a question nobody knows them."""

from __future__ import annotations

import pyarrow as pa
import pytest
from four_places import Ask

from tap_schema import Column
from vo_service.formats.fields import reference
from vo_service.query import Upload, upload_of


def systems() -> Upload:
    """A Julian date, an equatorial position and shapes, whose systems only the user knows."""
    described = [
        Column("jd", "double", None, None, "d", "time.epoch", None, ""),
        Column("ra", "double", None, None, "deg", "pos.eq.ra;meta.main", None, ""),
        Column("lat", "double", None, None, "deg", "pos.galactic.lat", None, ""),
        Column("place", "double", "2", "point", "deg", "pos.eq", None, ""),
        Column("outline", "char", "*", "shape", None, "pos.outline", None, ""),
    ]
    values = {
        "jd": [2.45e6],
        "ra": [10.0],
        "lat": [20.0],
        "place": [[10.0, 20.0]],
        "area": ["circle 10 20 1"],
    }
    return upload_of("u", pa.table(values), described)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("jd, ra, lat, place, outline", [None] * 5),
        ("MIN(jd), AVG(ra), MAX(lat)", [None] * 3),
        ("POINT(ra, lat), CIRCLE(ra, lat, 1), CENTROID(outline), COORD1(place)", [None] * 4),
        ("COALESCE(jd, jd), CAST(ra AS REAL), ABS(lat)", [None] * 3),
        ("POINT('ICRS', ra, lat), POINT('GALACTIC', ra, lat), POINT(1, 2)", ["icrs"] * 3),
    ],
)
def test_systems_of_what_users_send_are_not_known(answer: Ask, asked: str, wanted: list[str | None]) -> None:
    # VOT-103
    columns, _ = answer(f"SELECT {asked} FROM tap_upload.u", systems())
    assert [reference(column) for column in columns] == wanted
    named = ", ".join(f"x{number}" for number in range(len(wanted)))
    labelled = split_at_top(asked)
    inner = ", ".join(f"{value} AS x{number}" for number, value in enumerate(labelled))
    for outside in (
        f"SELECT {named} FROM (SELECT {inner} FROM tap_upload.u) AS d",
        f"SELECT {inner} FROM tap_upload.u UNION ALL SELECT {inner} FROM tap_upload.u",
    ):
        assert [reference(column) for column in answer(outside, systems())[0]] == wanted


def split_at_top(asked: str) -> list[str]:
    """A SELECT list at its commas outside of parentheses."""
    parts, depth = [""], 0
    for character in asked:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def test_systems_of_published_columns_stay_known(answer: Ask) -> None:
    mine = systems()
    columns, _ = answer(
        "SELECT s_ra, t_min, s_region, ra, POINT(s_ra, s_dec), CIRCLE(POINT(s_ra, s_dec), lat), "
        "POINT(1, lat) FROM ivoa.obscore, tap_upload.u",
        mine,
    )
    assert [reference(column) for column in columns] == ["icrs", "mjd", "icrs", None, "icrs", "icrs", None]
    columns, _ = answer("SELECT s_ra FROM ivoa.obscore UNION ALL SELECT ra FROM tap_upload.u", mine)
    assert reference(columns[0]) is None
    columns, _ = answer("SELECT ra FROM tap_upload.u UNION ALL SELECT s_ra FROM ivoa.obscore", mine)
    assert reference(columns[0]) is None


def test_shapes_in_another_frame_are_not_called_icrs(answer: Ask) -> None:
    turned = "ivo_geom_transform('ICRS', '{}', POINT(s_ra, s_dec))"
    asked = ", ".join(turned.format(frame) for frame in ("GALACTIC", "FK4", "ICRS"))
    columns, _ = answer(f"SELECT {asked} FROM ivoa.obscore")
    assert [reference(column) for column in columns] == [None, None, "icrs"]
