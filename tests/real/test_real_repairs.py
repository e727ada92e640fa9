"""Every value that is not the card as written is on record, and every record is true (issue 4)."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time
from card_readings import became_of, middle_in_icrs, wavelengths_in_own_frame
from card_values import C, Cards, plain_values, read_cards
from odd_headers import write_odd_headers

from tap_schema import published
from vo_service.holdings.ingest import ingest
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.repaired_columns import FOLLOWING, READINGS, columns_of
from vo_service.holdings.rules import RULES
from vo_service.store import Catalogue, Snapshots

Row = dict[str, Any]
TOLERANCE = {"t_min": 1e-13, "t_max": 1e-13, "s_ra": 1e-12, "s_dec": 1e-11, "s_fov": 5e-6, "bandwidth": 1e-7}
"""Relative, of values that are the same but for rounding: a microsecond, a microarcsecond. A width is the
difference of frequencies; a diameter is that of the smallest cap, and FK4 distorts the sky by 2e-6."""
FROM_ARCHIVE = frozenset({"t_min", "t_max", "t_exptime", "proposal_id", "member_ous_uid"})
"""Facts that an archive row may add where no card states them: `origin` says so, nothing was changed."""
AXIS_CARD = re.compile(r"(?:CTYPE|CRVAL|CDELT|CRPIX|CUNIT)(\d)$")
SPECTRUM = ("em_min", "em_max", "frequency", "bandwidth", "band_list")
OTHER_FRAME = frozenset({"SPEC-TOPO-BARY", "SPEC-LSRK-BARY", "SPEC-OTHER-BARY"})
UNREAD = frozenset({"SPEC-IMPLAUSIBLE", "SPEC-UNREADABLE", "SPEC-LEFTOVER"})


@dataclass(frozen=True)
class Case:
    """A tree of files and what was published of it."""

    tree: Path
    tables: dict[str, list[Row]]

    @property
    def products(self) -> dict[str, Row]:
        return {row["product_id"]: row for row in self.tables["holdings.product"]}

    def repairs(self, key: str) -> dict[str, list[Row]]:
        found = defaultdict(list)
        for row in self.tables["holdings.repair"]:
            if row[key] is not None:
                found[row[key]].append(row)
        return found

    def primaries(self) -> list[tuple[Row, Row, list[Row]]]:
        """Product, published row and repairs of the file and of the data set, for every file to use."""
        rows = {row["dataset_id"]: row for row in self.tables["ivoa.obscore"] if row["dataset_id"]}
        of_files, of_sets = self.repairs("product_id"), self.repairs("dataset_id")
        return [
            (
                product,
                rows[product["dataset_id"]],
                of_files.get(product["product_id"], []) + of_sets.get(product["dataset_id"], []),
            )
            for product in self.products.values()
            if product["is_primary"] == 1
        ]

    def cards(self, product: Row) -> Cards:
        return read_cards(self.tree / product["path"], product["hdu"] or 0)


def rows_of(home: Path) -> dict[str, list[Row]]:
    snapshot = Snapshots(home, Catalogue.open_in(home)).current()
    assert snapshot is not None
    names = ("holdings.product", "holdings.repair", "holdings.archive_row", "ivoa.obscore")
    return {name: snapshot.read(name).to_pylist() for name in names}


def ingested(tree: Path, home: Path) -> Case:
    """A tree described by its headers and its pixels."""
    catalogue = Catalogue.open_in(home)
    ingest(
        [tree],
        home=home,
        snapshots=Snapshots(home, catalogue),
        catalogue=catalogue,
        published=published(),
        authority="example.test",
        pixels=PixelLimits(),
        workers=0,
    )
    return Case(tree, rows_of(home))


@pytest.fixture(scope="module", params=["sample", "odd", pytest.param("real", marks=pytest.mark.data)])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param == "sample":
        made = request.getfixturevalue("holdings")
        return Case(made.sample / "products", rows_of(made.home))
    scratch = tmp_path_factory.mktemp("repairs")
    if request.param == "odd":
        write_odd_headers(scratch / "odd")
        return ingested(scratch / "odd", scratch)
    return ingested(request.getfixturevalue("real_data") / "fits", scratch)


def same(column: str, one: Any, other: Any) -> bool:
    """Equal, as numbers within rounding; texts of numbers count as numbers."""
    if one is None or other is None:
        return one is None and other is None
    if isinstance(other, datetime):
        other = float(Time(other, scale="utc").mjd)
    if isinstance(one, str) and isinstance(other, float | int):
        one = as_number(one)
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=TOLERANCE.get(column, 1e-9), abs_tol=1e-12)
    return bool(one == other)


def as_number(text: str) -> float:
    """A number as a repair writes it: itself, a beam in arcsec as its size, a date as MJD."""
    beam = re.fullmatch(r"(\S+) x (\S+)(?: arcsec)?", text)
    if beam:
        return math.sqrt(float(beam.group(1)) * float(beam.group(2)))
    if re.match(r"\d{4}-\d\d-\d\d", text):
        return float(Time(text.replace(" ", "T"), scale="utc").mjd)
    return float(text)


def test_every_rule_is_listed_and_every_item_has_its_columns(case: Case) -> None:
    public = {column.name for column in published()["ivoa.obscore"].columns}
    for row in case.tables["holdings.repair"]:
        assert row["rule_id"] in RULES
        assert set(columns_of(row["item"])) <= public | {"spectral_windows"}
        assert row["why"]
        assert 0.0 < row["confidence"] <= 1.0


def test_the_original_card_says_what_a_repair_says_it_was(case: Case) -> None:
    wrong = []
    for product_id, repairs in case.repairs("product_id").items():
        cards = case.cards(case.products[product_id])
        for repair in repairs:
            if not was_written(cards, repair, repairs):
                wrong.append(
                    (case.products[product_id]["path"], repair["item"], repair["was"], repair["why"])
                )
    assert wrong == []


def was_written(cards: Cards, repair: Row, repairs: list[Row]) -> bool:
    item, was = repair["item"], repair["was"]
    if item == "BMAJ" and was is not None and " x " in was:
        return was == f"{cards.text('BMAJ')} x {cards.text('BMIN')}"
    if item in ("em_min", "em_max"):
        edges = wavelengths_in_own_frame(cards)
        return edges is not None and same(item, was, edges[item == "em_max"])
    if item.islower():
        return (was or None) == stated_in(cards, item)
    if repair["rule_id"] == "TEXT-ENCODING":
        return repair["became"].isascii() is False and was.encode("ascii").isascii()
    if repair["rule_id"] == "CARD-REPEATED":
        return bool(was.split("; ")[0] == cards.text(item))
    if repair["rule_id"] in ("SKY-FK5", "SKY-GALACTIC") and cards.text(item) != was:
        return any(each["became"] == was and each["item"] == item for each in repairs)
    if repair["rule_id"].startswith("OBJ-") and cards.text(item) != was:
        return any(each["became"] == cards.text(item) for each in repairs) or not cards.text(item)
    return bool((cards.text(item) or None) == (was or None))


def stated_in(cards: Cards, column: str) -> str | None:
    """The card that states a column itself, None for a column that no card states."""
    keywords = {
        "t_max": ("DATE-END", "MJD-END"),
        "obs_collection": ("TELESCOP",),
        "facility_name": ("TELESCOP",),
        "instrument_name": ("INSTRUME",),
    }
    return next((cards.text(key) for key in keywords.get(column, ()) if cards.text(key)), None)


def test_the_archive_row_says_what_a_disagreement_says(case: Case) -> None:
    archive = {row["archive_row_id"]: row for row in case.tables["holdings.archive_row"]}
    for row in case.tables["holdings.repair"]:
        fact = archive.get(row["archive_row_id"])
        if fact is not None and row["item"] in fact:
            theirs = fact[row["item"]]
            assert any(same(row["item"], text, theirs) for text in (row["was"], row["became"])), row


def test_the_published_column_holds_what_the_last_repair_made_of_it(case: Case) -> None:
    wrong = []
    for product, row, repairs in case.primaries():
        cards = case.cards(product)
        last: dict[str, Row] = {}
        for repair in repairs:
            if repair["rule_id"] in READINGS or repair["item"] == "TIMESYS":
                continue
            for column in columns_shown(repair, cards):
                last[column] = repair
        for column, repair in last.items():
            if not same(column, repair["became"], row[column]):
                wrong.append((product["path"], column, row.get(column), repair["became"], repair["rule_id"]))
    assert wrong == []


def columns_shown(repair: Row, cards: Cards) -> tuple[str, ...]:
    """The columns that a repair can account for: of the card of an axis those of the kind of that axis, of
    an axis that gives no frequency all that say anything of them."""
    columns = tuple(each for each in columns_of(repair["item"]) if each != "spectral_windows")
    numbered = AXIS_CARD.match(repair["item"])
    if numbered is None:
        return columns
    kind = cards.text(f"CTYPE{numbered.group(1)}") or ""
    if kind.startswith(("RA", "DEC", "GL", "EL")):
        return ("s_ra", "s_dec", "s_region")
    if kind.startswith("STOKES"):
        return ("pol_states",)
    return SPECTRUM


def test_every_reading_is_that_of_the_convention(case: Case) -> None:
    """Rules that say how a card is read: here the card is read again, by other code."""
    wrong = []
    for product_id, repairs in case.repairs("product_id").items():
        product = case.products[product_id]
        for repair in repairs:
            if repair["rule_id"] in READINGS - {"SKY-TWIN"}:
                wanted = became_of(case.cards(product), repair["rule_id"], repair["item"])
                if repair["became"] != wanted:
                    wrong.append((product["path"], repair["rule_id"], repair["became"], wanted))
    assert wrong == []


def test_what_is_read_is_published(case: Case) -> None:
    """Position and wavelengths of every file by the conventions of its axes; the spectral frame apart."""
    wrong = []
    for product, row, repairs in case.primaries():
        cards = case.cards(product)
        rules = {repair["rule_id"] for repair in repairs}
        middle = middle_in_icrs(cards)
        if (row["s_ra"] is None) != (middle is None):
            wrong.append((product["path"], row["s_ra"], middle))
        elif middle is not None:
            east = (row["s_ra"] - middle[0]) * math.cos(math.radians(middle[1]))
            if math.hypot(east, row["s_dec"] - middle[1]) * 3600.0 > 0.001:
                wrong.append((product["path"], row["s_ra"], row["s_dec"], *middle))
        edges = wavelengths_in_own_frame(cards)
        if "ARCH-NO-SPECTRUM" in rules:
            continue
        if UNREAD & rules or edges is None:
            if any(row[column] is not None for column in SPECTRUM):
                wrong.append((product["path"], *(row[column] for column in SPECTRUM)))
            continue
        if not OTHER_FRAME & rules and not all(map(same, SPECTRUM, (row["em_min"], row["em_max"]), edges)):
            wrong.append((product["path"], row["em_min"], row["em_max"], *edges))
        # the frame moves them by less than the Earth does
        moved = max(abs(row[name] / edge - 1.0) for name, edge in zip(("em_min", "em_max"), edges))
        if moved > 2e-4:
            wrong.append((product["path"], "moved", moved))
        low, high = C / row["em_max"], C / row["em_min"]
        if not same("frequency", (low + high) / 2e9, row["frequency"]):
            wrong.append((product["path"], "frequency", row["frequency"]))
        if not same("bandwidth", high - low, row["bandwidth"]):
            wrong.append((product["path"], "bandwidth", row["bandwidth"]))
    assert wrong == []


def test_every_value_that_is_not_the_card_as_written_is_on_record(case: Case) -> None:
    missing = []
    for product, row, repairs in case.primaries():
        cards = case.cards(product)
        recorded = {column for repair in repairs for column in columns_shown(repair, cards)}
        recorded |= {follower for column in recorded for follower in FOLLOWING.get(column, ())}
        by_archive = row["origin"] == "both" or row["obs_release_date"] is not None
        for column, plain in plain_values(cards, product["path"]).items():
            if same(column, plain, row[column]) or column in recorded:
                continue
            if plain is None and column in FROM_ARCHIVE and by_archive:
                continue
            missing.append((product["path"], column, plain, row[column]))
    assert missing == []


def test_every_file_that_is_not_listed_keeps_its_target_or_says_why(case: Case) -> None:
    repairs = case.repairs("product_id")
    for product in case.products.values():
        if product["axes"] is None or product["is_primary"] == 1 or product["dataset_id"] is not None:
            continue
        written = case.cards(product).text("OBJECT")
        known = {each["item"] for each in repairs.get(product["product_id"], [])}
        assert product["target_name"] == written or "OBJECT" in known, product["path"]
