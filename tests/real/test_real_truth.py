"""Every real file against truth_real_files.yaml, under its own name and under its SHA-1."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy import units
from pixel_oracle import read_pixels, statistics_of

from vo_service.holdings.classify_pixels import revise_role
from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import Beam, FoundFile, Product

pytestmark = pytest.mark.data

Entry = dict[str, Any]
TRUTH: list[Entry] = yaml.safe_load(
    (Path(__file__).parent / "truth_real_files.yaml").read_text(encoding="utf-8")
)["files"]

each_file = pytest.mark.parametrize("entry", TRUTH, ids=[entry["path"] for entry in TRUTH])


def found_at(root: Path, path: str) -> FoundFile:
    return FoundFile("real", path, (root / path).stat().st_size, 0)


def described(root: Path, path: str) -> Product:
    """A file described by its header, its role revised by its pixels as the pixel pass does it."""
    product = describe_product(found_at(root, path), root)
    if product.layout is None or product.error_kind is not None:
        return product
    statistics = statistics_of(read_pixels(root / path, product.layout.hdu))
    return product if statistics is None else revise_role(product, statistics)


def close(ours: float | None, true: float | None, relative: float = 0.0, absolute: float = 0.0) -> bool:
    if ours is None or true is None:
        return ours is None and true is None
    return abs(ours - true) <= absolute + relative * abs(true)


def same_unit(ours: str | None, true: str | None) -> bool:
    if not ours or not true:
        return ours == true
    return bool(units.Unit(ours) == units.Unit(true))


def same_beam(ours: Beam | None, true: Entry | None) -> bool:
    """Within 1e-6; of a BEAMS table only the range of sizes is stated."""
    if ours is None or true is None:
        return ours is None and true is None
    if "size_min" not in true:
        size = (true["major"] * true["minor"]) ** 0.5
        true = {**true, "size_min": size, "size_max": size}
        whole = close(ours.major, true["major"], 1e-6) and close(ours.minor, true["minor"], 1e-6)
        if not (whole and close(ours.angle, true["pa"], 1e-6, 1e-9)):
            return False
    return close(ours.size_min, true["size_min"], 1e-6) and close(ours.size_max, true["size_max"], 1e-6)


def near(ours: tuple[float, float] | None, true: list[float] | None) -> bool:
    """Within 0.01 arcsec on the sky."""
    if ours is None or true is None:
        return ours is None and true is None
    (lon1, lat1), (lon2, lat2) = np.radians(ours), np.radians(true)
    half = np.sin((lat1 - lat2) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon1 - lon2) / 2) ** 2
    return bool(2 * np.arcsin(np.sqrt(half)) <= np.radians(0.01 / 3600))


def wrong_spectrum(product: Product, entry: Entry) -> set[str]:
    ours, true = product.spectral, entry["spectral"]
    if ours is None or true is None:
        return set() if ours is None and true is None else {"spectral"}
    wrong = set()
    if not (close(ours.f_min, true["f_min"], 1e-9) and close(ours.f_max, true["f_max"], 1e-9)):
        wrong.add("f_min, f_max")
    if ours.channels != true["channels"]:
        wrong.add("channels")
    if ours.specsys != entry["specsys"]:
        wrong.add("specsys")
    return wrong


def stated_frame(product: Product) -> str | None:
    """The frame of the header's positions: its card, or the repair that fills the default in."""
    filled = [repair.became for repair in product.repairs if repair.item == "RADESYS" and repair.was is None]
    written = [card.value for card in product.cards if card.keyword in ("RADESYS", "RADECSYS")]
    return [*written, *filled, None][0]


def wrong_sky(product: Product, entry: Entry) -> set[str]:
    sky = product.sky
    wrong = set()
    if not near((sky.ra, sky.dec) if sky else None, entry["centre"]):
        wrong.add("centre")
    if sky is None:
        return wrong
    if not close(sky.footprint.area(), entry["area"], 1e-3):
        wrong.add("area")
    if stated_frame(product) != entry["frame"].split()[0]:
        wrong.add("frame")
    if not close(sky.pixel_scale, entry["pixel_scale"], 1e-6):
        wrong.add("pixel_scale")
    return wrong


def wrong_fields(product: Product, entry: Entry) -> set[str]:
    """The fields, but for the role and the target, that differ from the truth."""
    layout = product.layout
    agrees = {
        "expected_error": product.error_kind == entry["expected_error"],
        "hdu": (layout.hdu if layout else None) == entry["hdu"],
        "axes": (list(layout.axes) if layout else None) == entry["axes"],
        "rest_frequency": close(product.rest_frequency, entry["rest_frequency"], 1e-9),
        "specsys": product.specsys == entry["specsys"],
        "unit": same_unit(product.unit, entry["unit"]),
        "beam": same_beam(product.beam, entry["beam"]),
        "polarisation": list(product.polarisations) == entry["polarisation"],
        "date_obs": close(product.date_start, entry["date_obs"], absolute=2e-9),
    }
    wrong = {field for field, right in agrees.items() if not right}
    return wrong | wrong_sky(product, entry) | wrong_spectrum(product, entry)


def role_without_name(entry: Entry) -> str:
    """The role that a file has to have under a name that says nothing."""
    return str(entry["role"]) if entry["tellable_without_name"] else "unknown"


def marked(entry: Entry) -> Any:
    """The entry as a parameter: a role that header and pixels are known to get wrong must be wrong."""
    wrong = entry.get("known_wrong_role")
    reason = f"header and pixels say {wrong}"
    marks = [pytest.mark.xfail(strict=True, reason=reason, raises=AssertionError)] if wrong else []
    return pytest.param(entry, marks=marks, id=entry["path"])


@pytest.fixture(scope="module")
def renamed(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Entry], Product]:
    """The description of a file under its SHA-1, made once."""
    elsewhere = tmp_path_factory.mktemp("renamed")

    @cache
    def describe(path: str) -> Product:
        content = (real_data / "fits" / path).read_bytes()
        name = hashlib.sha1(content).hexdigest()
        (elsewhere / name).write_bytes(content)
        return described(elsewhere, name)

    return lambda entry: describe(entry["path"])


def test_the_truth_has_every_file_once(real_data: Path) -> None:
    root = real_data / "fits"
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == sorted(
        entry["path"] for entry in TRUTH
    )


@each_file
def test_a_real_file_is_described_as_it_is(real_data: Path, entry: Entry) -> None:
    product = described(real_data / "fits", entry["path"])
    wrong = wrong_fields(product, entry)
    if product.role != entry["role"]:
        wrong.add("role")
    if entry["target"] is not None and product.identity.target_name != entry["target"]:
        wrong.add("target")
    assert not wrong, product


@each_file
def test_a_real_file_renamed_to_its_sha1_is_described_alike(
    renamed: Callable[[Entry], Product], entry: Entry
) -> None:
    product = renamed(entry)
    wrong = wrong_fields(product, entry)
    if product.identity.target_name != entry["target"]:
        wrong.add("target")
    assert not wrong, product


@pytest.mark.parametrize("entry", [marked(entry) for entry in TRUTH])
def test_a_real_file_renamed_to_its_sha1_has_its_role_or_none(
    renamed: Callable[[Entry], Product], entry: Entry
) -> None:
    product = renamed(entry)
    assert product.role == role_without_name(entry), product.evidence
    assert product.role != "unknown" or product.evidence or product.error_kind


def test_one_file_alone_is_known_to_get_a_wrong_role() -> None:
    """The list of known failures grows by decision, never by itself."""
    assert [entry["path"] for entry in TRUTH if "known_wrong_role" in entry] == [
        "SPT2319-55_OHabs_systemic_model.fits"
    ]
