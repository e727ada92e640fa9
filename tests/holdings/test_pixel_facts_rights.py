"""What tells of pixels without being measured by us: header cards, repairs that pixels told, duplicates.

Of data that are not public nobody learns it, whatever the order of ingest and harvest (design 4.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asking import AFTER, READER, Holdings
from astropy.io import fits
from ingest_homes import Home, open_home
from pixel_products import MEMBER, harvest_row, write_cube

from vo_service.engines import DuckDBEngine
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.pixel_facts import pixel_keywords
from vo_service.holdings.records import Repair
from vo_service.holdings.rows import repair_rows

CUBE = f"{MEMBER}/{MEMBER}._M83__sci.spw17.cube.I.pbcor.fits"
TWIN = f"{MEMBER}/twin_sci.cube.fits"
CARDS = (
    'SELECT keyword, "value", comment FROM holdings.header_card WHERE keyword IN '
    "('DATAMAX', 'DATASUM', 'CHECKSUM', 'OBJECT') AND product_id IN "
    f"(SELECT product_id FROM holdings.product WHERE path = '{CUBE}') ORDER BY keyword"
)
REPAIRS = "SELECT rule_id, item, was FROM holdings.repair WHERE rule_id IN ('SKY-TWIN', 'PIX-BLANK')"
TOLD = ("40.0", "brightest pixel")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@contextmanager
def asked(home: Home) -> Iterator[Holdings]:
    engine = DuckDBEngine(home.snapshot.engine_file)
    try:
        yield Holdings(home.snapshot, engine)
    finally:
        engine.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A cube whose header tells its brightest pixel and sums, and blanks that the standard does not let it
    have; its pixels once more, elsewhere on the sky."""
    for name, longitude in ((CUBE, 204.25), (TWIN, 204.5)):
        path = tmp_path / "tree" / name
        write_cube(path, CRVAL1=longitude)
        with fits.open(path, mode="update", output_verify="ignore") as hdus:
            hdus[0].data[0, 0, :2] = -999.0
            hdus[0].header["DATAMAX"] = (40.0, "brightest pixel")
            hdus[0].header["BLANK"] = -999
            hdus[0].add_checksum()
    return tmp_path / "tree"


def harvest(home: Home, tmp_path: Path, released: str) -> None:
    harvest_row(tmp_path / "rows.csv", released)
    home.harvest(tmp_path / "rows.csv")


def shows(holdings: Holdings, **asking: object) -> bool:
    """Whether cards, repairs and marks are told; all of them or none."""
    cards = {name: (value, comment) for name, value, comment in holdings.ask(CARDS, **asking)}
    assert set(cards) == {"DATAMAX", "DATASUM", "CHECKSUM", "OBJECT"}
    assert cards["OBJECT"][0] == "M83"
    known = holdings.ask("SELECT COUNT(*) AS n FROM holdings.header_card WHERE \"value\" = '40.0'", **asking)
    marks = holdings.ask("SELECT path FROM holdings.product WHERE duplicate_of IS NOT NULL", **asking)
    repairs = [rule for rule, _, _ in holdings.ask(REPAIRS, **asking)]
    if cards["DATAMAX"] == TOLD:
        assert cards["DATASUM"][0] and cards["CHECKSUM"][0] and cards["CHECKSUM"][1]
        assert (known, len(marks)) == ([(2,)], 1)
        assert sorted(repairs) == ["PIX-BLANK", "PIX-BLANK", "SKY-TWIN"]
        return True
    assert {cards[name] for name in ("DATAMAX", "DATASUM", "CHECKSUM")} == {(None, None)}
    assert (known, marks, repairs) == ([(0,)], [], [])
    return False


@pytest.mark.parametrize("first", ["ingest", "harvest"])
def test_they_are_told_by_the_clock(home: Home, tree: Path, tmp_path: Path, first: str) -> None:
    if first == "harvest":
        harvest(home, tmp_path, "2031-05-01T00:00:00.000")
    home.ingest(tree, pixels=PixelLimits())
    if first == "ingest":
        with asked(home) as holdings:  # files without an archive row
            assert shows(holdings, unlisted_open=True) and shows(holdings, viewer=READER)
            assert not shows(holdings) and not shows(holdings, now=AFTER)
        harvest(home, tmp_path, "2031-05-01T00:00:00.000")
    with asked(home) as holdings:
        assert not shows(holdings) and not shows(holdings, unlisted_open=True)
        assert shows(holdings, now=AFTER) and shows(holdings, viewer=READER)


def test_another_date_reaches_cards_that_are_not_made_anew(home: Home, tree: Path, tmp_path: Path) -> None:
    home.ingest(tree, pixels=PixelLimits())
    harvest(home, tmp_path, "2031-05-01T00:00:00.000")
    count = home.snapshot.count_rows("holdings.header_card")
    harvest(home, tmp_path, "2032-05-01T00:00:00.000")
    with asked(home) as holdings:
        assert not shows(holdings, now=AFTER)
        assert shows(holdings, now=datetime(2032, 5, 2, tzinfo=UTC))
    write_cube(tree / MEMBER / "new_sci.cube.fits", seed=5, OBJECT="M83")
    harvest(home, tmp_path, "2033-05-01T00:00:00.000")
    home.ingest(tree, pixels=PixelLimits())
    added = len(fits.getheader(tree / MEMBER / "new_sci.cube.fits"))
    assert home.snapshot.count_rows("holdings.header_card") == count + added
    with asked(home) as holdings:
        assert not shows(holdings, now=datetime(2032, 5, 2, tzinfo=UTC))
        assert shows(holdings, now=datetime(2033, 5, 2, tzinfo=UTC))


def test_without_the_pixel_pass_cards_are_told_by_the_clock_too(
    home: Home, tree: Path, tmp_path: Path
) -> None:
    home.ingest(tree)
    harvest(home, tmp_path, "2031-05-01T00:00:00.000")
    with asked(home) as holdings:
        assert [row[1:] for row in holdings.ask(CARDS) if row[0] == "DATAMAX"] == [(None, None)]
        assert [row[1:] for row in holdings.ask(CARDS, now=AFTER) if row[0] == "DATAMAX"] == [TOLD]


def test_the_cards_that_tell_of_pixels() -> None:
    assert {"DATAMAX", "DATAMIN", "CHECKSUM", "DATASUM", "ZDATASUM", "ZHECKSUM"} <= pixel_keywords()
    assert not pixel_keywords() & {"BMAJ", "BMIN", "OBJECT", "BUNIT", "RESTFRQ", "BLANK"}


def test_a_repair_of_such_a_card_goes_by_the_same_rights() -> None:
    """Its former value stands in the repair."""
    listed = {"origin": "both", "obs_release_date": datetime(2031, 5, 1)}
    repairs = [
        Repair("NOISE", "0.016", None, "CARD-REPEATED", "twice"),
        Repair("OBJECT", "", None, "OBJ-BLANK", ""),
    ]
    noise, target = repair_rows(repairs, product_id="p", listed=listed)
    assert {name: noise[name] for name in listed} == listed
    assert not listed.keys() & target.keys()
    with pytest.raises(ValueError, match="NOISE tells of pixels"):
        repair_rows(repairs, product_id="p")
