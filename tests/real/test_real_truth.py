"""Every real file against truth_real_files.yaml, under its own name and under its SHA-1."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy import units

from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import Beam, FoundFile, Product

pytestmark = pytest.mark.data

Entry = dict[str, Any]
TRUTH: list[Entry] = yaml.safe_load(
    (Path(__file__).parent / "truth_real_files.yaml").read_text(encoding="utf-8")
)["files"]

# What describe_product is known to get wrong, by path; a mended bug fails its test until it leaves here.
NO_PIXELS = frozenset({"beam", "date_obs", "rest_frequency", "target", "unit"})
KNOWN_BUGS: dict[str, frozenset[str]] = {
    # a header without pixels: nothing that it states is kept
    "other/ngc0925_na.fits.gz": NO_PIXELS,
}
KNOWN_BUGS_RENAMED: dict[str, frozenset[str]] = {
    **KNOWN_BUGS,
    # the pixels are not looked at, and they would tell: exactly 1 at the centre, signed or not, far from zero
    "124103_cont_7MTM2_jointdeconv.pb.fits": frozenset({"role"}),
    "Pisco.cii.455kms.pb.fits": frozenset({"role"}),
    "Pisco.cii.455kms.psf.fits": frozenset({"role"}),
    "B5IRS1_C18O_robust05_multi_mom0.fits": frozenset({"role"}),
    "B5IRS1_H2COa_mom0_blueenv.fits": frozenset({"role"}),
    "other/Per-emb-2-HC3N_10-9_TdV.fits": frozenset({"role"}),
    "spw25_mom0.fits": frozenset({"role"}),
}

each_file = pytest.mark.parametrize("entry", TRUTH, ids=[entry["path"] for entry in TRUTH])


def found_at(root: Path, path: str) -> FoundFile:
    return FoundFile("real", path, (root / path).stat().st_size, 0)


def allowed(entry: Entry, field: str) -> list[Any]:
    """The true value of a field, then those that a careful reader may give as well."""
    return [entry[field], *entry.get("debatable", {}).get(field, [])]


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
        return set() if ours in allowed(entry, "spectral") else {"spectral"}
    ranges = [(true["f_min"], true["f_max"])]
    if "f_min, f_max" in entry.get("debatable", {}):
        ranges.append(entry["debatable"]["f_min, f_max"])
    wrong = set()
    if not any(close(ours.f_min, low, 1e-9) and close(ours.f_max, high, 1e-9) for low, high in ranges):
        wrong.add("f_min, f_max")
    if ours.channels != true["channels"]:
        wrong.add("channels")
    if ours.specsys not in allowed(entry, "specsys"):
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
    if not any(near((sky.ra, sky.dec) if sky else None, centre) for centre in allowed(entry, "centre")):
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
        "expected_error": product.error_kind in allowed(entry, "expected_error"),
        "hdu": (layout.hdu if layout else None) == entry["hdu"],
        "axes": (list(layout.axes) if layout else None) == entry["axes"],
        "rest_frequency": close(product.rest_frequency, entry["rest_frequency"], 1e-9),
        "specsys": product.specsys in allowed(entry, "specsys"),
        "unit": any(same_unit(product.unit, unit) for unit in allowed(entry, "unit")),
        "beam": any(same_beam(product.beam, beam) for beam in allowed(entry, "beam")),
        "polarisation": list(product.polarisations) == entry["polarisation"],
        "date_obs": any(close(product.date_start, t, absolute=2e-9) for t in allowed(entry, "date_obs")),
    }
    wrong = {field for field, right in agrees.items() if not right}
    return wrong | wrong_sky(product, entry) | wrong_spectrum(product, entry)


def roles_without_name(entry: Entry) -> set[str]:
    """The roles that a file may have under a name that says nothing."""
    roles = set(allowed(entry, "role"))
    if not entry["tellable_without_name"]:
        roles |= {"unknown", entry.get("without_name", "unknown")}
    return roles


def test_the_truth_has_every_file_once(real_data: Path) -> None:
    root = real_data / "fits"
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == sorted(
        entry["path"] for entry in TRUTH
    )
    assert {*KNOWN_BUGS, *KNOWN_BUGS_RENAMED} <= {entry["path"] for entry in TRUTH}


@each_file
def test_a_real_file_is_described_as_it_is(real_data: Path, entry: Entry) -> None:
    product = describe_product(found_at(real_data / "fits", entry["path"]), real_data / "fits")
    wrong = wrong_fields(product, entry)
    if product.role not in allowed(entry, "role"):
        wrong.add("role")
    if entry["target"] is not None and product.identity.target_name != entry["target"]:
        wrong.add("target")
    assert wrong == KNOWN_BUGS.get(entry["path"], frozenset()), product


@each_file
def test_a_real_file_renamed_to_its_sha1_is_described_alike(
    real_data: Path, entry: Entry, tmp_path: Path
) -> None:
    content = (real_data / "fits" / entry["path"]).read_bytes()
    name = hashlib.sha1(content).hexdigest()
    (tmp_path / name).write_bytes(content)
    product = describe_product(found_at(tmp_path, name), tmp_path)
    wrong = wrong_fields(product, entry)
    if product.role not in roles_without_name(entry):
        wrong.add("role")
    if product.identity.target_name != entry["target"]:
        wrong.add("target")
    assert wrong == KNOWN_BUGS_RENAMED.get(entry["path"], frozenset()), product
