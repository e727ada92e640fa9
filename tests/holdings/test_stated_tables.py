"""What an operator states reaches the rows of files that have not changed, and no pixel is read for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_homes import Home, open_home
from pixel_products import write_cube

from tap_schema import published
from vo_service.holdings.assemble import NOTHING_STATED, Stated
from vo_service.holdings.ingest import ingest
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.redshifts import Redshift, Redshifts
from vo_service.holdings.reports import IngestReport
from vo_service.holdings.requested import Request, Requests

MEMBER = "member.uid___A001_X1_X2"
CUBE = f"{MEMBER}.M83_sci.spw25.cube.I.image.fits"
SHIFT = 230.538e9 / 230.0125e9 - 1.0  # brings CO(2-1) to the channels where the line was put
STATED = Stated(
    Redshifts({"m83": {"M83": Redshift(SHIFT, "table z.csv: by hand")}}),
    Requests((Request("uid://A001/X1/X2", None, None, None, 1.0, 1e6, None, None),)),
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def run(home: Home, path: Path, stated: Stated) -> IngestReport:
    return ingest(
        [path],
        home=home.path,
        snapshots=home.snapshots,
        catalogue=home.catalogue,
        published=published(),
        authority="example.test",
        workers=0,
        pixels=PixelLimits(),
        stated=stated,
    )


def test_a_table_that_changes_is_taken_in_without_reading_pixels(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "files"
    write_cube(top / CUBE, shape=(1, 64, 48, 48), SPECSYS="BARYCENT")
    run(home, top, NOTHING_STATED)
    [line] = home.rows("holdings.line_candidate")
    assert (line["channel_first"], line["channel_last"]) == (11, 16)
    assert (line["lines"], line["redshift"]) == (None, None)
    [judged] = home.rows("holdings.qa2")
    assert judged["rms_achieved"] == pytest.approx(1.0, rel=0.05)
    assert judged["rms_pass"] is None

    report = run(home, top, STATED)
    assert (report.ok, report.pixels.ok) == (0, 0)
    [line] = home.rows("holdings.line_candidate")
    assert (line["lines"], line["redshift"]) == ("CO(2-1)", SHIFT)
    assert line["redshift_source"] == "table z.csv: by hand"
    [judged] = home.rows("holdings.qa2")
    assert (judged["rms_pass"], judged["rms_relaxed"]) == (1, 1)
    assert judged["rms_ratio"] == judged["rms_achieved"] == pytest.approx(1.0, rel=0.05)

    number = home.snapshot.number
    run(home, top, STATED)
    assert home.snapshot.number == number

    run(home, top, NOTHING_STATED)
    [line] = home.rows("holdings.line_candidate")
    assert line["redshift"] is None


def test_a_statement_has_one_digest_whatever_the_order_of_targets() -> None:
    one, other = {"a": {"A": Redshift(1.0, "t")}}, {"b": {"B": Redshift(2.0, "t")}}
    assert Stated(Redshifts(one | other)).digest == Stated(Redshifts(other | one)).digest
    assert Stated(Redshifts(one)).digest != Stated(Redshifts(other)).digest
    assert (NOTHING_STATED.digest, Stated().digest) == ("", "")
