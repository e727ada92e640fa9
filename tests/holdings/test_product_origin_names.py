"""Collection, facility and instrument (ALMA-003, OBS-063, OBS-088): a name that is no card is on record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from product_files import header_of, product_at

from tap_schema import published
from vo_service.holdings.facts import merge_facts
from vo_service.holdings.identity import identify
from vo_service.holdings.origin_names import name_origin, origin_names
from vo_service.holdings.records import Product
from vo_service.holdings.target import name_target

UID = "member.uid___A001_X1_X2/product"
CODE = "2016.1.00324.L/a.fits"


def named(path: str, cards: dict[str, object]) -> Product:
    header = header_of(cards)
    return name_origin(name_target(identify(product_at(path), header), header), header)


@pytest.mark.parametrize(
    ("path", "telescope", "instrument", "wanted", "rules"),
    [
        ("a.fits", "ALMA", "ALMA", ("ALMA", "JAO", "ALMA"), "NAME-ARCHIVE"),
        ("a.fits", "ALMA", "BAND6", ("ALMA", "JAO", "ALMA"), "NAME-ARCHIVE NAME-ARCHIVE"),
        ("a.fits", "ALMA:DV01", None, ("ALMA", "JAO", "ALMA"), "NAME-ARCHIVE " * 3),
        ("a.fits", "ACA", None, ("ALMA", "JAO", "ALMA"), "NAME-ARCHIVE " * 3),
        (f"{UID}/a.fits", None, None, ("ALMA", "JAO", "ALMA"), "NAME-ARCHIVE " * 3),
        (CODE, None, "BAND6", ("ALMA", "JAO", "ALMA"), "NAME-ARCHIVE " * 3),
        ("a.fits", "EVLA", "EVLA", ("EVLA", "EVLA", "EVLA"), ""),
        ("a.fits", "VLA", None, ("VLA", "VLA", "VLA"), "NAME-STAND-IN"),
        ("a.fits", None, None, ("r", None, None), "NAME-STAND-IN"),
        ("a.fits", None, "MIRIAM", ("r", None, "MIRIAM"), "NAME-STAND-IN"),
        (f"{UID}/a.fits", "EVLA", "EVLA", ("EVLA", "EVLA", "EVLA"), "NAME-CONTRADICTION"),
        (CODE, "EVLA", None, ("EVLA", "EVLA", "EVLA"), "NAME-STAND-IN NAME-CONTRADICTION"),
    ],
)
def test_names_and_their_record(
    path: str, telescope: str | None, instrument: str | None, wanted: tuple[str, ...], rules: str
) -> None:
    cards = {"TELESCOP": telescope, "INSTRUME": instrument}
    product = named(path, {key: value for key, value in cards.items() if value is not None})
    names = origin_names(product)
    assert (names.collection, names.facility, names.instrument) == wanted
    assert [repair.rule for repair in product.repairs] == rules.split()
    written = {"obs_collection": telescope, "facility_name": telescope, "instrument_name": instrument}
    published = dict(zip(("obs_collection", "facility_name", "instrument_name"), wanted, strict=True))
    for repair in product.repairs:
        assert (repair.was, repair.became) == (written[repair.item], published[repair.item])
    recorded = {repair.item for repair in product.repairs}
    assert {item for item in written if written[item] != published[item]} <= recorded


def test_a_contradiction_says_what_stands_against_the_header() -> None:
    [repair] = named(f"{UID}/a.fits", {"TELESCOP": "EVLA", "INSTRUME": "EVLA"}).repairs
    assert "uid://A001/X1/X2" in repair.why and "EVLA" in repair.why and repair.confidence < 1.0


def test_the_root_stands_for_a_collection_without_a_telescope() -> None:
    product = product_at("a.fits")
    elsewhere = replace(product, file=replace(product.file, root="survey"))
    assert origin_names(elsewhere).collection == "survey"


@pytest.mark.parametrize(("rules", "facility"), [((), "JAO"), (("NAME-CONTRADICTION",), "EVLA")])
def test_an_archive_row_does_not_make_another_telescope_alma(rules: tuple[str, ...], facility: str) -> None:
    row = dict.fromkeys((column.name for column in published()["ivoa.obscore"].columns), None)
    archive = row | {"archive_row_id": "a", "facility_name": "JAO"}
    merged, _ = merge_facts(row | {"facility_name": "EVLA"}, archive, [archive], rules)
    assert merged["facility_name"] == facility
