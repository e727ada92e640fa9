"""Which data sets make which trees: by the clock, by what they are, and with reasons for what is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from atlas_house import NOW, House, members

from vo_service.atlas.recipes import line_slug
from vo_service.spectral.lines import LINES

TODAY = NOW.replace(tzinfo=None)
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    root = tmp_path / "root"
    root.mkdir()
    return House(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "folder"
    place.mkdir()
    return place


def test_what_is_released_tomorrow_is_in_the_trees_of_tomorrow(house: House, folder: Path) -> None:
    """Design 4.3: rights go by the clock."""
    house.image("old")
    house.image("just-now", obs_release_date=TODAY)
    house.image("tomorrow", obs_release_date=TOMORROW)
    house.image("never", obs_release_date=datetime(3000, 1, 1))
    assert members(house.families(folder)) == {"continuum-band-6": ["just-now", "old"]}
    later = house.families(folder, NOW + timedelta(days=1))
    assert members(later) == {"continuum-band-6": ["just-now", "old", "tomorrow"]}
    assert not later.left_out  # nothing is said of what is closed


@pytest.mark.parametrize(
    "closed",
    [
        {"obs_release_date": TOMORROW, "file__obs_release_date": TODAY},
        {"file__obs_release_date": TOMORROW},
        {"obs_release_date": None},
        {"file__obs_release_date": None},
    ],
    ids=["its row", "its file", "no date", "no date of its file"],
)
def test_row_and_file_have_to_be_open(house: House, folder: Path, closed: dict[str, object]) -> None:
    house.image("closed", **closed)
    found = house.families(folder)
    assert (found.families, found.left_out, found.failed) == ((), (), ())


def test_unlisted_files_go_by_the_setting(house: House, folder: Path) -> None:
    house.image("unlisted", origin="file", obs_release_date=None)
    house.image("of-the-archive", origin="both", obs_release_date=None)
    assert members(house.families(folder)) == {}
    assert members(house.families(folder, unlisted_open=True)) == {"continuum-band-6": ["unlisted"]}


def test_what_pixels_tell_counts_once_it_is_public_itself(house: House, folder: Path) -> None:
    """Noise, candidates and primary beams have release dates of their own."""
    house.image("a", 8, 6, 7, role="cube")
    house.line("a", 2, 4, "CO(2-1)", obs_release_date=TOMORROW)
    rights = {"origin": "both", "obs_release_date": TOMORROW}
    house.add("holdings.measurement", product_id="p-a", rms=0.1, rms_unit="Jy/beam", state="ok", **rights)
    house.file(house.root / "a.fits", "a", "pb", {"product_id": "p-beam", **rights})
    now, then = (house.families(folder, moment) for moment in (NOW, NOW + timedelta(days=1)))
    assert list(members(now)) == ["moment0-band-6", "peak-band-6"]
    assert list(members(then)) == ["moment0-co-2-1", "peak-co-2-1"]
    before, after = now.families[0].fields[0], then.families[0].fields[0]
    assert before.primary_beam is None and after.primary_beam is not None
    assert before.weight < 1e-20 < after.weight


def test_what_is_corrected_for_the_primary_beam_is_told_by_its_name(house: House, folder: Path) -> None:
    for name in ("a.PBCOR", "b.pbcor.tt0", "c.tt0", "d.image"):
        house.image(name)
        house.file(house.root / f"{name}.fits", name, "pb", {"product_id": f"p-beam-{name}"})
    fields = house.families(folder).families[0].fields
    beams = {field.name: field.primary_beam for field in fields}
    assert {name for name, beam in beams.items() if beam is not None and beam.in_values} == {
        "c.tt0",
        "d.image",
    }
    assert all(beams.values())


def test_of_the_same_pixels_that_which_says_to_be_corrected_is_taken(house: House, folder: Path) -> None:
    """Else it would be divided by the response a second time."""
    house.image("a", card__seed=5)
    house.file(house.root / "a.fits", "a", "pb", {"product_id": "p-beam"})
    house.image("b.pbcor", card__seed=5, file__duplicate_of="p-a")
    assert members(house.families(folder)) == {"continuum-band-6": ["b.pbcor"]}


def test_companions_failed_files_and_derived_maps_are_in_no_tree(house: House, folder: Path) -> None:
    house.image("a")
    house.image("second", file__is_primary=0)
    house.image("broken", file__state="failed")
    for role in ("moment0", "peak", "residual", "model", "alpha", "pb"):
        house.image(role, role=role)
    assert members(house.families(folder)) == {"continuum-band-6": ["a"]}


def test_trees_by_band(house: House, folder: Path) -> None:
    house.image("three", band_list="3")
    house.image("both", band_list="3 6")
    house.image("none", band_list=None)
    house.image("cube", 8, 6, 7, role="cube", band_list="10")
    found = house.families(folder)
    assert members(found) == {
        "continuum-band-3": ["three"],
        "continuum-band-3-6": ["both"],
        "continuum-other": ["none"],
        "moment0-band-10": ["cube"],
        "peak-band-10": ["cube"],
    }
    facts = {family.name: family.facts() for family in found.families}
    assert facts["continuum-band-3-6"].bands == ("3", "6")
    assert facts["continuum-other"].bands == ()


def test_trees_by_line(house: House, folder: Path) -> None:
    """A candidate names its line where there is one line alone that it may be."""
    for name in ("one", "two-lines", "unclear", "unknown", "bare"):
        house.image(name, 12, 6, 7, role="cube")
    house.line("one", 3, 5, "CO(2-1)", redshift=0.001)
    house.line("one", 8, 9, "CO(2-1)", redshift=0.001)
    house.line("one", 6, 7, None)
    house.line("two-lines", 1, 4, "CO(2-1)")
    house.line("two-lines", 8, 12, "HCO+(3-2)")
    house.line("unclear", 1, 4, "CO(2-1); HCO+(3-2)")
    house.line("unknown", 1, 4, None)
    found = house.families(folder)
    assert members(found) == {
        "moment0-band-6": ["bare", "unclear", "unknown"],
        "moment0-co-2-1": ["one", "two-lines"],
        "moment0-hcop-3-2": ["two-lines"],
        "peak-band-6": ["bare", "unclear", "unknown"],
        "peak-co-2-1": ["one", "two-lines"],
        "peak-hcop-3-2": ["two-lines"],
    }
    fields = {family.name: {field.name: field for field in family.fields} for family in found.families}
    horns = fields["moment0-co-2-1"]["one"].recipe
    assert horns.runs == ((2, 5), (7, 9))
    assert horns.line_hz == pytest.approx(230.538e9 / 1.001, rel=1e-12)
    assert fields["peak-band-6"]["bare"].recipe.runs is None


def test_no_two_lines_have_one_tree() -> None:
    slugs = {line_slug(line.name) for line in LINES}
    assert len(slugs) == len(LINES)
    assert all(slug.replace("-", "").isalnum() and slug.isascii() and slug == slug.lower() for slug in slugs)
    assert line_slug("CO(2-1)") == "co-2-1" and line_slug("HCO+(1-0)") == "hcop-1-0"


def test_of_files_with_the_same_pixels_one_is_taken(house: House, folder: Path) -> None:
    """That of which more is known: here the noise."""
    house.image("a-bare", card__seed=5, card__BMAJ=None)
    house.image("b-first", card__seed=5, file__duplicate_of="p-a-bare")
    house.image("c-known", card__seed=5, file__duplicate_of="p-a-bare")
    house.image("d-closed", card__seed=5, file__duplicate_of="p-a-bare", obs_release_date=TOMORROW)
    known = {"origin": "both", "obs_release_date": TODAY, "state": "ok"}
    house.add("holdings.measurement", product_id="p-c-known", rms=0.1, rms_unit="Jy/beam", **known)
    found = house.families(folder)
    assert members(found) == {"continuum-band-6": ["c-known"]}
    assert {each.dataset_id: each.reason for each in found.left_out if each.dataset_id != "a-bare"} == {
        "b-first": "its pixels are those of c-known, which is in the tree"
    }


def test_reasons_are_told_for_what_is_left_out(house: House, folder: Path) -> None:
    house.image("good")
    house.image("no-unit", card__BUNIT=None)
    house.image("empty")
    blank = {"error_class": "no_valid_pixels", "state": "failed", "origin": "both", "obs_release_date": TODAY}
    house.add("holdings.measurement", product_id="p-empty", **blank)
    house.image("large", 8, 6, 7, role="cube")
    found = house.families(folder, map_bytes=8 * 6 * 7 * 4 - 1)
    assert members(found) == {"continuum-band-6": ["good"]}
    reasons = {(each.dataset_id, each.family): each.reason for each in found.left_out}
    assert "the unit of this image is not known" in reasons.pop(("no-unit", "continuum-band-6"))
    assert reasons.pop(("empty", "continuum-band-6")) == "none of its pixels is a number"
    assert {name for name, _ in reasons} == {"large"} and len(reasons) == 2
    assert all("1344 bytes of pixels, the limit is 1343" in reason for reason in reasons.values())
    assert members(house.families(folder, map_bytes=8 * 6 * 7 * 4))["peak-band-6"] == ["large"]


def test_what_cannot_be_read_fails_and_is_tried_again(house: House, folder: Path) -> None:
    house.image("good")
    house.image("away", card__seed=1)
    away = house.root / "away.fits"
    away.rename(house.root / "elsewhere")
    found = house.families(folder)
    assert members(found) == {"continuum-band-6": ["good"]}
    assert [(each.dataset_id, each.family) for each in found.failed] == [("away", "continuum-band-6")]
    assert "has gone since it was ingested" in found.failed[0].reason
    assert str(house.root) not in found.failed[0].reason  # design 4.7
    (house.root / "elsewhere").rename(away)
    assert members(house.families(folder)) == {"continuum-band-6": ["away", "good"]}


def test_headers_are_looked_at_once(house: House, folder: Path) -> None:
    """A run that finds nothing new opens no file; another state of a file is looked at anew."""
    house.image("a")
    house.image("b", card__BUNIT=None)
    first = house.families(folder)
    for path in house.root.iterdir():
        path.unlink()
    again = house.families(folder)
    assert [family.facts() for family in again.families] == [family.facts() for family in first.families]
    assert [each.fields[0].state for each in again.families] == [
        each.fields[0].state for each in first.families
    ]
    assert again.left_out == first.left_out and not again.failed
    house.rows["holdings.product"][0]["version"] = 2
    assert [each.dataset_id for each in house.families(folder).failed] == ["a"]


def test_headers_are_looked_at_by_processes(house: House, folder: Path) -> None:
    for number in range(9):  # with fewer this process does it
        house.image(f"a{number}")
    house.image("b", 8, 6, 7, role="cube", card__BUNIT="m/s")
    found = house.families(folder, processes=2)
    assert members(found) == {"continuum-band-6": [f"a{number}" for number in range(9)]}
    assert {each.dataset_id for each in found.left_out} == {"b"}


def test_facts_of_a_tree_are_those_of_its_fields(house: House, folder: Path) -> None:
    """HIPS-063, 064: what clients are told follows from the rows."""
    one = {"em_min": 1.2e-3, "em_max": 1.3e-3, "t_min": 57000.0, "t_max": 57001.0}
    two = {"em_min": 1.25e-3, "em_max": 1.36e-3, "t_min": 58000.0, "t_max": None}
    names = {"facility_name": "JAO", "instrument_name": "ALMA"}
    house.image("a", **one, **names, proposal_id="2013.1.2.S", bib_reference="2015A 2016B")
    house.image("b", **two, **names, proposal_id="2012.1.1.S", bib_reference="2016B")
    house.image("c", em_min=2e-2, em_max=3e-2, card__BUNIT=None)  # left out
    facts = house.families(folder).families[0].facts()
    assert (facts.em_min, facts.em_max, facts.t_min, facts.t_max) == (1.2e-3, 1.36e-3, 57000.0, 58000.0)
    assert facts.regimes == ("Millimeter",)
    assert facts.proposals == ("2012.1.1.S", "2013.1.2.S") and facts.references == ("2015A", "2016B")
    assert (facts.facilities, facts.instruments, facts.collections) == (("JAO",), ("ALMA",), ("ALMA",))
    assert [(each.dataset_id, each.did) for each in facts.members] == [
        ("a", "ivo://x/obs?a"),
        ("b", "ivo://x/obs?b"),
    ]
    assert facts.title == "ALMA: continuum, band 6" and facts.unit == "MJy/sr" and facts.line is None
    some = house.families(folder).families[0].facts({"b"})
    assert (some.em_min, some.proposals, len(some.members)) == (1.25e-3, ("2012.1.1.S",), 1)
    assert len(facts.title) <= 130 and "\n" not in facts.title + facts.description  # HIPS-053, 050


def test_a_tree_without_wavelengths_is_of_the_regime_of_its_observatory(house: House, folder: Path) -> None:
    house.image("a", band_list=None, facility_name="JAO")
    house.image("b", 8, 6, 7, role="cube", facility_name="elsewhere")
    regimes = {family.name: family.facts().regimes for family in house.families(folder).families}
    assert regimes["continuum-other"] == ("Millimeter",) and regimes["peak-band-6"] == ()


def test_facts_of_a_line_have_the_wavelengths_of_its_channels(house: House, folder: Path) -> None:
    house.image("a", 12, 6, 7, role="cube", em_min=1e-3, em_max=2e-3, obs_collection="PHANGS")
    house.line("a", 3, 5, "CO(2-1)", f_low=230.40e9, f_high=230.42e9)
    house.line("a", 8, 9, "CO(2-1)", f_low=230.46e9, f_high=230.47e9)
    moment, peak = (family.facts() for family in house.families(folder).families)
    c = 299792458.0
    assert moment.em_min == pytest.approx(c / 230.47e9) and moment.em_max == pytest.approx(c / 230.40e9)
    assert (moment.unit, peak.unit) == ("MJy.km.sr**-1.s**-1", "MJy/sr")
    assert moment.title == "PHANGS: integrated intensity of CO(2-1)" and moment.line == "CO(2-1)"


@pytest.mark.parametrize("specsys", ["TOPOCENT", "LSRK", None])
def test_frequencies_that_are_not_barycentric_tell_no_wavelengths(
    house: House, folder: Path, specsys: str | None
) -> None:
    """The row has those of the whole cube at the barycentre, where they could be converted."""
    house.image("a", 12, 6, 7, role="cube", em_min=1.29e-3, em_max=1.31e-3)
    house.line("a", 3, 5, "CO(2-1)", f_low=230.40e9, f_high=230.42e9)
    house.line("a", 8, 9, "CO(2-1)", f_low=230.46e9, f_high=230.47e9, specsys=specsys)
    house.image("b", 12, 6, 7, role="cube")
    house.line("b", 3, 5, "CO(1-0)", specsys=specsys)
    facts = {family.name: family.facts() for family in house.families(folder).families}
    assert (facts["peak-co-2-1"].em_min, facts["peak-co-2-1"].em_max) == (1.29e-3, 1.31e-3)
    assert facts["peak-co-1-0"].em_min is None and facts["peak-co-1-0"].em_max is None


def test_an_empty_snapshot_has_no_trees(house: House, folder: Path) -> None:
    house.image("closed", obs_release_date=TOMORROW)
    assert house.families(folder, datetime(2020, 1, 1, tzinfo=UTC)).families == ()
