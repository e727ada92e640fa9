"""Rows of data sets that were withdrawn leave the catalogue at once, its tables stay (design 4.2)."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from unittest.mock import patch

import pytest
from address_checks import pairs_of
from asked_in_process import Asked, running
from tree_house import AUTHORITY, NOW, TreeHouse

from vo_service.engines import EngineAway
from vo_service.holdings import ingest
from vo_service.trees import gate
from vo_service.trees.row_tables import rows_left

CATALOGUE = "/hips/datasets"


def tables(door: Asked) -> dict[str, str]:
    """All tables of the first orders that there are."""
    paths = [f"Norder{order}/Dir0/Npix{cell}.tsv" for order in (1, 2) for cell in range(12 << 2 * order)]
    answers = {path: door.ask(f"{CATALOGUE}/{path}") for path in [*paths, "Norder1/Allsky.tsv"]}
    assert {answer.status_code for answer in answers.values()} == {200, 404}
    found = {path: answer for path, answer in answers.items() if answer.status_code == 200}
    assert {answer.headers["Cache-Control"] for answer in found.values()} == {"no-cache"}
    return {path: answer.text for path, answer in found.items()}


def told(door: Asked) -> dict[str, str]:
    return dict(pairs_of(door.ask(f"{CATALOGUE}/properties").text))


def test_rows_of_what_was_withdrawn_are_left_out(tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, tmp_path / "products")
    for level, name in enumerate(("far", "coarse", "beside"), 1):
        house.write(name, level)
    house.ingest()
    house.hips()
    names = house.names()
    with running(door := Asked(now=NOW), house.home, authority=AUTHORITY):
        before = tables(door)
        date = told(door)["hips_release_date"]
        tags = {path: door.ask(f"{CATALOGUE}/{path}").headers["ETag"] for path in before}
        house.file("far").unlink()  # alone in its tile
        house.file("beside").unlink()
        house.ingest()
        after = tables(door)
        assert after.keys() == before.keys()
        lost = 0
        for path, text in after.items():
            lines = before[path].splitlines()
            gone = [line for line in lines if names["far"] in line or names["beside"] in line]
            assert text.splitlines() == [line for line in lines if line not in gone]
            answer = door.ask(f"{CATALOGUE}/{path}", headers={"If-None-Match": tags[path]})
            assert answer.status_code == (200 if gone else 304)
            assert ("Last-Modified" in answer.headers) is not bool(gone)
            lost += len(gone)
        assert lost == 4  # each in a tile, and in all of the order
        assert any(len(text.splitlines()) == 2 for text in after.values())
        assert told(door)["hips_release_date"] > date  # HIPS-056
        house.hips()
        assert len(tables(door)) == len(before) - 1
        assert told(door)["hips_cat_nrows"] == "1"

        house.write("far", 1.0)  # it is there again
        house.ingest()
        house.hips()
        assert names["far"] in "".join(tables(door).values())


def test_rows_are_left_out_however_long_the_ingest_took(tmp_path: Path) -> None:
    # it begins, and lays tombstones of that moment; trees are made of the old rows; it publishes
    house = TreeHouse(tmp_path, tmp_path / "products")
    for level, name in enumerate(("far", "coarse"), 1):
        house.write(name, level)
    house.ingest()
    house.hips()
    gone = house.names()["far"]

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Earlier:
            return super().now(tz) - timedelta(hours=3)

    with running(door := Asked(now=NOW), house.home, authority=AUTHORITY):
        before, date = tables(door), told(door)["hips_release_date"]
        assert gone in "".join(before.values())
        house.file("far").unlink()
        with patch.object(ingest, "datetime", Earlier):
            house.ingest()
        after = tables(door)
        assert after.keys() == before.keys() and gone not in "".join(after.values())
        assert told(door)["hips_release_date"] > date  # HIPS-056


def test_what_cannot_be_told_is_not_shown(tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, tmp_path / "products")
    house.write("far")
    house.ingest()
    house.hips()
    with running(door := Asked(now=NOW), house.home, authority=AUTHORITY):
        with patch.object(gate, "find_withdrawn", side_effect=EngineAway("gone")):
            answer = door.ask(f"{CATALOGUE}/Norder1/Allsky.tsv")
            assert (answer.status_code, "cannot be told" in answer.text) == (503, True)
        with patch.object(gate, "find_withdrawn", wraps=gate.find_withdrawn) as asked:
            door.app.state.service.trees._gate._asked.outage.until = 0.0
            assert len(tables(door)) == 2
        assert asked.call_count == 1  # once for a snapshot


def test_the_rows_of_a_table() -> None:
    table = b"# Completeness = 3 / 9\nra\tdataset_id\tlast\n1\ta\tx\n2\tb\t\n3\tab\ta\n"
    assert rows_left(table, {b"a"}) == b"# Completeness = 3 / 9\nra\tdataset_id\tlast\n2\tb\t\n3\tab\ta\n"
    assert rows_left(table, {b"c"}) == table
    for odd in (b"", b"# nothing else\n", b"ra\tdec\n1\t2\n"):
        with pytest.raises(ValueError):
            rows_left(odd, {b"a"})
