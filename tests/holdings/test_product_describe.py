"""Whole files described: made ones, broken ones, and the real products, none of which may crash."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from product_files import read_cases, write_product

from vo_service.holdings.describe import describe_product
from vo_service.holdings.discover import Unreachable, discover
from vo_service.holdings.records import FoundFile, Product
from vo_service.holdings.rules import RULES


def describe(path: Path) -> Product:
    return describe_product(FoundFile("r", path.name, path.stat().st_size, 0), path.parent)


def test_a_cube_is_described_whole(tmp_path: Path) -> None:
    found = write_product(
        tmp_path / "M83.image.pbcor.fits", SPECSYS="BARYCENT", RADESYS="ICRS", DATE__OBS="2016-01-07"
    )
    product = describe_product(found, tmp_path)
    assert (product.state, product.role, product.unit) == ("ok", "cube", "Jy/beam")
    assert product.layout is not None and product.layout.axes == (64, 64, 10, 1)
    assert product.layout.data_offset == fits.open(tmp_path / found.path)[0].fileinfo()["datLoc"]
    assert product.sky and product.spectral and product.beam
    assert product.polarisations == ("I",)
    assert product.identity.target_name == "M83"
    assert product.media_type == "application/fits"
    assert [repair.rule for repair in product.repairs] == ["NAME-ARCHIVE", "NAME-ARCHIVE"]
    assert product.duration > 0.0
    assert {"OBJECT", "CRVAL3"} <= {card.keyword for card in product.cards}


def test_a_file_of_any_name_and_an_image_in_any_extension(tmp_path: Path) -> None:
    write_product(tmp_path / "plain.fits")
    (tmp_path / "plain.fits").rename(tmp_path / "data:1.dat")
    assert describe(tmp_path / "data:1.dat").role == "cube"
    science = fits.ImageHDU(
        np.zeros((4, 4), np.float32), header=fits.getheader(tmp_path / "data:1.dat"), name="SCI"
    )
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 4)), name="ERR"), science]).writeto(
        tmp_path / "x.fits"
    )
    product = describe(tmp_path / "x.fits")
    assert product.layout is not None and (product.layout.hdu, product.layout.axes) == (2, (4, 4))
    assert product.media_type == "application/x-fits-mef"


def test_a_name_that_is_not_ascii_is_repaired(tmp_path: Path) -> None:
    found = write_product(tmp_path / "a.fits", OBJECT="Senal")
    path = tmp_path / found.path
    path.write_bytes(path.read_bytes().replace(b"Senal", "Señal".encode("latin-1"), 1))
    product = describe(path)
    assert product.identity.target_name == "Señal"
    [repair] = [repair for repair in product.repairs if repair.item == "OBJECT"]
    assert (repair.was, repair.became, repair.rule) == ("Se\\xf1al", "Señal", "TEXT-ENCODING")


@pytest.mark.parametrize(
    ("name", "cards", "kind", "message"),
    [
        ("a.fits", {"CDELT1": 0.0}, "bad_wcs", "CDELT1 is zero"),
        ("a.fits", {"CRVAL2": 120.0}, "bad_wcs", "no latitude"),
    ],
)
def test_a_bad_header_fails_and_keeps_what_was_found(
    tmp_path: Path, name: str, cards: dict[str, object], kind: str, message: str
) -> None:
    write_product(tmp_path / name, **cards)
    product = describe(tmp_path / name)
    assert (product.state, product.error_kind, product.role) == ("failed", kind, "cube")
    assert message in (product.error_message or "")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.fits", b"<html>", "not_fits"),
        ("a.fits", b"", "not_fits"),
        ("a.fits.gz", b"<html>", "not_gzip"),
        ("a.fits", b"SIMPLE  =                    T".ljust(80), "truncated"),
    ],
)
def test_what_cannot_be_read_fails_with_its_class(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    product = describe(tmp_path / name)
    assert (product.state, product.error_kind, product.role) == ("failed", kind, "unknown")
    assert str(tmp_path) not in (product.error_message or "")


def test_a_truncated_file_still_tells_what_it_was_meant_to_be(tmp_path: Path) -> None:
    write_product(tmp_path / "a.fits")
    whole = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(whole[:20000])
    product = describe(tmp_path / "a.fits")
    assert (product.error_kind, product.role) == ("truncated", "cube")
    assert product.sky is not None


def test_a_header_without_pixels(tmp_path: Path) -> None:
    fits.PrimaryHDU().writeto(tmp_path / "a.fits")
    product = describe(tmp_path / "a.fits")
    assert (product.error_kind, product.role) == ("no_pixels", "unknown")


def test_a_file_that_has_gone(tmp_path: Path) -> None:
    product = describe_product(FoundFile("r", "gone.fits", 1, 1), tmp_path)
    assert product.error_kind == "changed" and str(tmp_path) not in (product.error_message or "")


def test_every_rule_has_an_id_in_the_table_and_every_id_a_use() -> None:
    holdings = Path(__file__).parents[2] / "vo_service" / "holdings"
    sources = {path.name: path.read_text() for path in holdings.glob("*.py")}
    table = sources.pop("rules.py")
    code = "\n".join(sources.values())
    unused = [rule for rule in RULES if f'"{rule}"' not in code]
    assert unused == []
    used = set(re.findall(r'Repair\([^()]*?"([A-Z]+(?:-[A-Z0-9]+)+)",', code, re.DOTALL)) - {"DATE-OBS"}
    assert used <= set(RULES)
    assert len(re.findall(r'^    "[A-Z]', table, re.MULTILINE)) == len(RULES)


@pytest.mark.data
def test_real_products_have_their_roles_and_none_crashes(real_data: Path) -> None:
    root = real_data / "fits"
    found = {each.path: each for each in discover(root, "r") if not isinstance(each, Unreachable)}
    expected = {
        case["path"]: (case["role"], case["error"] or None) for case in read_cases("real_products.csv")
    }
    products = {path: describe_product(each, root) for path, each in found.items()}
    ours = {path: (products[path].role, products[path].error_kind) for path in expected}
    assert ours == expected
    others = {products[path].role for path in found if path not in expected}
    assert others == {"document"}
    for product in products.values():
        assert {repair.rule for repair in product.repairs} <= set(RULES)
