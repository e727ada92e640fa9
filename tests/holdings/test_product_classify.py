"""Roles of files by header, content and name (design 7): wrong is worse than unknown."""

from __future__ import annotations

import pytest
from product_files import FREQUENCY, SKY, STOKES, header_of, product_at, read_cases

from vo_service.holdings.beam import measure_beam
from vo_service.holdings.classify import classify
from vo_service.holdings.units import normalise_unit

ROLES = {
    "image",
    "cube",
    "pb",
    "mask",
    "psf",
    "model",
    "residual",
    "weight",
    "moment0",
    "moment1",
    "moment2",
    "peak",
    "width",
    "alpha",
    "error",
    "derived",
    "table",
    "document",
    "unknown",
}


def classified(case: dict[str, str]):
    axes = tuple(int(length) for length in case["axes"].split())
    spectral = {f"{key[:-1]}{4 if axes[2:3] == (1,) else 3}": value for key, value in FREQUENCY.items()}
    stokes = {f"{key[:-1]}{3 if axes[2:3] == (1,) else 4}": value for key, value in STOKES.items()}
    cards = (
        SKY | (spectral | stokes if len(axes) > 2 else {}) | {"BUNIT": case["unit"], "BTYPE": case["btype"]}
    )
    if case["beam"] == "yes":
        cards |= {"BMAJ": 1e-4, "BMIN": 1e-4}
    header = header_of(cards, axes)
    return classify(measure_beam(normalise_unit(product_at(case["name"]), header), header), header)


@pytest.mark.parametrize(
    "case", read_cases("roles.csv"), ids=lambda case: f"{case['name'][-40:]} {case['unit']}"
)
def test_roles_by_name_and_header(case: dict[str, str]) -> None:
    product = classified(case)
    assert product.role == case["role"], product.evidence
    assert product.role in ROLES and product.evidence


def test_an_image_off_the_sky_is_no_science_image() -> None:
    header = header_of({"CTYPE1": "OFFSET", "CTYPE2": "FREQ", "BUNIT": "Jy/beam"}, (64, 64))
    assert classify(product_at("a.image.fits"), header).role == "unknown"
    assert classify(product_at("a.pv.fits"), header).role == "derived"


def test_parameters_of_a_fit_are_derived() -> None:
    header = header_of(SKY | {"CTYPE3": "FITPAR"}, (64, 64, 3))
    assert classify(product_at("a.cube.fits"), header).role == "derived"
