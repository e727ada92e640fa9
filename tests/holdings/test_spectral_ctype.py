"""What CTYPE says of a spectral axis, on whole headers: paper III and AIPS against wcslib, and refusals."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from product_files import SKY, header_of, product_at
from spectral_oracle import CTYPES, VALUES, C, frequencies_by_wcslib

from vo_service.holdings.classify import classify
from vo_service.holdings.records import Product, Repair
from vo_service.holdings.spectral_axis import (
    channel_frequencies,
    find_rest_frequency,
    gives_frequency,
    measure_spectrum,
)
from vo_service.holdings.spectral_ctype import frame_of_axis, understand
from vo_service.pixels import SpectralAxis, SpectralAxisError
from vo_service.pixels.axes import _SPECTRAL

REST = 115.2712018e9
SEEN = REST / 1.3
CHANNELS = 200
FRAMES = {
    "LSR": "LSRK", "LSK": "LSRK", "LSD": "LSRD", "HEL": "BARYCENT", "BAR": "BARYCENT", "OBS": "TOPOCENT",
    "TOP": "TOPOCENT", "GEO": "GEOCENTR", "GAL": "GALACTOC", "SOU": "SOURCE",
}  # fmt: skip
VELOCITY = {"CRVAL3": 1e6, "CDELT3": 1e4, "CRPIX3": 7.0, "CUNIT3": "m/s", "RESTFRQ": REST}
PIXELS = np.array([0.5, 1.0, 42.0, CHANNELS + 0.5])


def read(cards: dict[str, object]) -> tuple[SpectralAxis, list[Repair]]:
    header = header_of(SKY | cards, (64, 64, CHANNELS))
    assert header.axes.spectral is not None
    rest = find_rest_frequency(product_at(), header).rest_frequency
    return understand(header.axes.spectral, header.keywords, rest)


def measured(cards: dict[str, object]) -> Product:
    header = header_of(SKY | cards, (64, 64, CHANNELS))
    product = product_at()
    for step in (find_rest_frequency, measure_spectrum):
        product = step(product, header)
    return product


def cards_at(ctype: str, share: float = 1e-4) -> dict[str, object]:
    """An axis at SEEN with channels of a share of the frequency."""
    value = VALUES[ctype[:4]]
    crval = float(value(np.asarray(SEEN), REST))
    cdelt = float(value(np.asarray(SEEN * (1.0 + share)), REST)) - crval
    return {"CTYPE3": ctype, "CRVAL3": crval, "CDELT3": cdelt, "CRPIX3": 7.0, "RESTFRQ": REST}


@pytest.mark.parametrize("ctype", CTYPES)
def test_every_algorithm_of_paper_iii_has_the_frequencies_of_wcslib(ctype: str) -> None:
    # OBS-081: outer edges of the channels; the wavelengths are those of the frequencies
    cards = cards_at(ctype)
    product = measured(cards | {"SPECSYS": "BARYCENT"})
    theirs = frequencies_by_wcslib(ctype, cards["CRVAL3"], cards["CDELT3"], 7.0, REST, PIXELS)
    assert product.spectral is not None
    edges = (theirs[[0, -1]].min(), theirs[[0, -1]].max())
    assert (product.spectral.f_min, product.spectral.f_max) == pytest.approx(edges, rel=1e-12)
    assert (product.spectral.em_min, product.spectral.em_max) == pytest.approx(
        (C / edges[1], C / edges[0]), rel=1e-12
    )
    found = channel_frequencies(header_of(SKY | cards, (64, 64, CHANNELS)))
    assert found is not None and found[[0, 41]] == pytest.approx(theirs[1:3], rel=1e-12)


@pytest.mark.parametrize("ctype", CTYPES)
def test_a_reading_is_on_record_where_it_takes_more_than_the_speed_of_light(ctype: str) -> None:
    product = measured(cards_at(ctype) | {"SPECSYS": "BARYCENT"})
    told = [(each.item, each.was, each.became, each.rule) for each in product.repairs]
    shifted = ctype[:4] in ("VRAD", "VOPT", "ZOPT", "VELO", "BETA") or "-V2" in ctype
    if ctype.startswith("AWAV"):
        assert told == [("CTYPE3", ctype, "WAVE", "SPEC-AIR")]
    elif shifted:
        assert told == [("CTYPE3", ctype, "FREQ", "SPEC-VELOCITY")]
    else:
        assert told == []


def test_every_name_of_a_spectral_axis_is_understood() -> None:
    for name in _SPECTRAL:
        understood, _ = read(VELOCITY | {"CTYPE3": name, "CUNIT3": ""})
        assert understood.definition == understood.spacing or name == "FELO"


@pytest.mark.parametrize(
    ("ctype", "code"),
    [
        ("FREQ-TAB", "table"),
        ("WAVE-TAB", "table"),
        ("VELO-TAB", "table"),
        ("WAVE-GRI", "grism"),
        ("AWAV-GRA", "grism"),
        ("FREQ-XYZ", "XYZ"),
        ("VELO-XYZ", "XYZ"),
        ("FELO-F2W", "F2W"),
        ("FELO-LOG", "LOG"),
        ("VELOCITY-F2V", "F2V"),
        ("VOPT-F2V", "F2V"),
        ("VRAD-F2W", "F2W"),
        ("WAVE-F2A", "F2A"),
        ("FREQ-X2F", "X2F"),
        ("FREQ-W2", "W2"),
        ("FREQ-W2FF", "W2FF"),
        ("FREQ-LOGS", "LOGS"),
    ],
)
def test_what_the_axis_alone_cannot_tell_is_refused(ctype: str, code: str) -> None:
    cards = VELOCITY | {"CTYPE3": ctype, "CUNIT3": "", "SPECSYS": "LSRK"}
    with pytest.raises(SpectralAxisError, match=code) as caught:
        read(cards)
    assert caught.value.keyword == "CTYPE3"
    product = measured(cards)
    assert product.spectral is None
    [repair] = [each for each in product.repairs if each.item == "CTYPE3"]
    assert (repair.was, repair.became, repair.rule) == (ctype, None, "SPEC-UNREADABLE")
    header = header_of(SKY | cards, (64, 64, CHANNELS))
    assert not gives_frequency(header, REST) and channel_frequencies(header) is None


def test_a_cube_on_a_table_of_frequencies_is_a_cube_all_the_same() -> None:
    header = header_of(SKY | VELOCITY | {"CTYPE3": "FREQ-TAB", "CUNIT3": "Hz"}, (64, 64, CHANNELS))
    assert classify(replace(product_at("a.image.fits"), unit="Jy/beam"), header).role == "cube"


@pytest.mark.parametrize("suffix", FRAMES)
@pytest.mark.parametrize("name", ["FREQ", "VELO", "FELO", "VRAD", "VOPT"])
def test_suffixes_of_aips_are_frames_and_no_algorithms(name: str, suffix: str) -> None:
    cards = VELOCITY | {"CTYPE3": f"{name}-{suffix}"}
    if name == "FREQ":
        cards |= {"CRVAL3": SEEN, "CDELT3": 1e6, "CUNIT3": "Hz"}
    understood, _ = read(cards)
    plain, _ = read(cards | {"CTYPE3": {"VELO": "VRAD", "FELO": "VOPT-F2W"}.get(name, name)})
    assert understood.frequency(PIXELS) == pytest.approx(plain.frequency(PIXELS), rel=1e-15)
    header = header_of(SKY | cards, (64, 64, CHANNELS))
    told = frame_of_axis(understood.axis, header.keywords)
    assert told is not None and told[0] == FRAMES[suffix]
    told_by_card = [each.became for each in measured(cards).repairs if each.item == "SPECSYS"]
    # null where the motion of the observer is not known, which these frames need
    kept = suffix in ("BAR", "HEL", "GAL", "SOU")
    assert told_by_card == [FRAMES[suffix] if kept else None]


@pytest.mark.parametrize(
    ("ctype", "velref"),
    [
        ("VELO", 257), ("VELO", 1), ("VELO-LSR", 257), ("VELO-LSR", 1), ("VELO-HEL", 258), ("VELO-HEL", 2),
        ("VELO-OBS", 259), ("FELO", None), ("FELO", 1), ("FELO-LSR", None), ("FELO-HEL", 2), ("VELO", None),
    ],
)  # fmt: skip
def test_velocities_of_aips_are_those_of_wcslib(ctype: str, velref: int | None) -> None:
    cards = VELOCITY | {"CTYPE3": ctype} | ({} if velref is None else {"VELREF": velref})
    alone = {key.replace("3", "1"): value for key, value in cards.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy says that it has brought the header to paper III
        wcs = WCS(fits.Header({"NAXIS": 1, **alone})).wcs
    meant = str(wcs.ctype[0])
    assert meant in ("VRAD", "VOPT", "VOPT-F2W", "VELO")
    theirs = frequencies_by_wcslib(meant, 1e6, 1e4, 7.0, REST, PIXELS)
    understood, repairs = read(cards)
    assert understood.frequency(PIXELS) == pytest.approx(theirs, rel=1e-12)
    [repair] = repairs
    assert repair.became == ("FREQ" if meant == "VELO" else meant)
    frame = frame_of_axis(understood.axis, header_of(SKY | cards).keywords)
    assert (None if frame is None else frame[0]) == (wcs.specsys or None)


@pytest.mark.parametrize(
    ("cards", "definition", "rule", "confidence"),
    [
        # the standard's apparent velocity, the surer where another card of paper III is there
        ({"CTYPE3": "VELO"}, "velocity", "SPEC-VELOCITY", 0.6),
        ({"CTYPE3": "VELO", "SPECSYS": "LSRK"}, "velocity", "SPEC-VELOCITY", 0.9),
        ({"CTYPE3": "VELO-F2V", "VELREF": 257}, "velocity", "SPEC-VELOCITY", 1.0),
        ({"CTYPE3": "VELO-LOG", "ORIGIN": "Miriad fits"}, "velocity", "SPEC-VELOCITY", 1.0),
        # what AIPS, Miriad or GILDAS mean by the same name
        ({"CTYPE3": "VELO", "SPECSYS": "LSRK", "VELREF": 257}, "radio", "SPEC-AIPS-VELOCITY", 0.9),
        ({"CTYPE3": "VELO", "SPECSYS": "LSRK", "VELREF": 1}, "optical", "SPEC-AIPS-VELOCITY", 0.9),
        ({"CTYPE3": "VELO", "ORIGIN": "Miriad fits"}, "radio", "SPEC-AIPS-VELOCITY", 0.9),
        ({"CTYPE3": "VELO", "ORIGIN": "GILDAS"}, "radio", "SPEC-AIPS-VELOCITY", 0.9),
        ({"CTYPE3": "VELO-LSR"}, "radio", "SPEC-AIPS-VELOCITY", 0.6),
        ({"CTYPE3": "VELOCITY"}, "radio", "SPEC-AIPS-VELOCITY", 0.6),
        ({"CTYPE3": "FELO", "VELREF": 257}, "radio", "SPEC-AIPS-VELOCITY", 0.9),
    ],
)
def test_which_velocity_velo_is(
    cards: dict[str, object], definition: str, rule: str, confidence: float
) -> None:
    understood, [repair] = read(VELOCITY | cards)
    assert (understood.definition, repair.rule, repair.confidence) == (definition, rule, confidence)


@pytest.mark.parametrize("ctype", ["VELO-F2V", "FREQ-V2F", "VRAD-W2F", "BETA", "ZOPT-F2W", "VELO"])
def test_what_needs_a_rest_frequency_is_nothing_without_one(ctype: str) -> None:
    product = measured({key: value for key, value in cards_at(ctype).items() if key != "RESTFRQ"})
    assert product.spectral is None
    assert [each.item for each in product.repairs if each.rule == "SPEC-IMPLAUSIBLE"] == ["CTYPE3"]


@pytest.mark.parametrize("ctype", ["FREQ-W2F", "WAVE-F2W", "FREQ-LOG", "AWAV-F2A", "AFRQ", "ENER-A2F"])
def test_what_needs_none_is_read_without_one(ctype: str) -> None:
    cards = {key: value for key, value in cards_at(ctype).items() if key != "RESTFRQ"}
    assert measured(cards).spectral is not None


def test_hyphens_alone_are_no_code() -> None:
    for ctype in ("FREQ----", "FREQ-", "FREQ---LSR"):
        understood, _ = read(cards_at("FREQ") | {"CTYPE3": ctype})
        assert (understood.definition, understood.spacing) == ("frequency", "frequency")


@pytest.mark.parametrize("ctype", ["VELO", "VELO-LSR", "FELO"])
def test_an_unreadable_velref_makes_no_velocity(ctype: str) -> None:
    product = measured(VELOCITY | {"CTYPE3": ctype, "VELREF": "radio", "SPECSYS": "LSRK"})
    assert product.spectral is None
    assert ("VELREF", "SPEC-UNREADABLE") in [(each.item, each.rule) for each in product.repairs]
    coded = measured(VELOCITY | {"CTYPE3": "VELO-F2V", "VELREF": "radio", "SPECSYS": "LSRK"})
    assert coded.spectral is not None
