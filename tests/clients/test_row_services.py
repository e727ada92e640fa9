"""Rows of TAP, of images and of cones lead on: pyvo follows their descriptors to links and to pixels, with
parameters of this service's own as well as with those of SODA."""

from __future__ import annotations

import io
from typing import Any, Final

import astropy.units as u
import numpy as np
import pytest
import pyvo
from astropy.io import fits
from pyvo.dal.adhoc import DatalinkQuery, DatalinkResults, DatalinkService, SodaQuery

CUBE: Final = (
    "SELECT TOP 1 * FROM ivoa.obscore WHERE dataproduct_type = 'cube' AND dataset_id IS NOT NULL"
    " AND data_rights = 'Public' AND em_xel > 7 ORDER BY access_estsize, obs_publisher_did"
)
SERVICES: Final = ("tap", "sia", "cone")
SODA_SYNC: Final = "ivo://ivoa.net/std/SODA#sync"
LINKS: Final = "ivo://ivoa.net/std/DataLink#links"


@pytest.fixture(scope="module")
def cube(tap_url: str) -> Any:
    """A row of a small cube that everybody may have."""
    return pyvo.dal.TAPService(tap_url).search(CUBE)[0]


@pytest.fixture(scope="module")
def found(service_url: str, tap_url: str, cube: Any) -> dict[str, Any]:
    """What each service finds where the cube is, with other rows round it."""
    place = (float(cube["s_ra"]), float(cube["s_dec"]))
    query = f"SELECT * FROM ivoa.obscore WHERE DISTANCE(s_ra, s_dec, {place[0]}, {place[1]}) < 0.5"
    return {
        "tap": pyvo.dal.TAPService(tap_url).search(query),
        "sia": pyvo.dal.SIA2Service(f"{service_url}/sia2").search(pos=(*place, 0.5)),
        "cone": pyvo.dal.SCSService(f"{service_url}/cone/ivoa.obscore").search(place, 0.5),
    }


def row_of(results: Any, cube: Any) -> Any:
    (row,) = [row for row in results if row["obs_publisher_did"] == cube["obs_publisher_did"]]
    return row


def opened(stream: Any) -> tuple[Any, fits.Header]:
    """The pixels of an answer, and their header."""
    with fits.open(io.BytesIO(stream.read())) as found:
        return found[0].data, found[0].header


@pytest.fixture(scope="module")
def whole(service_url: str, cube: Any) -> tuple[Any, fits.Header]:
    """All pixels of the cube, from its file."""
    links = DatalinkService(f"{service_url}/datalink/sync").run_sync(cube["obs_publisher_did"])
    (this,) = links.bysemantics("#this", include_narrower=False)
    return opened(this.getdataset())


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("preserve_order", [False, True])
def test_each_row_has_its_links(found: Any, cube: Any, service: str, preserve_order: bool) -> None:
    # DL-099, SIA-081: in one call for all, or in one for each
    rows = found[service]
    ids = [row["obs_publisher_did"] for row in rows]
    assert cube["obs_publisher_did"] in ids
    links = {
        each.original_row["obs_publisher_did"]: each
        for each in rows.iter_datalinks(preserve_order=preserve_order)
    }
    assert set(links) == set(ids) and (list(links) == ids or not preserve_order)
    for did, each in links.items():
        assert {row["ID"] for row in each} == {did}
        assert "#this" in {row.semantics for row in each}
    (this,) = links[cube["obs_publisher_did"]].bysemantics("#this", include_narrower=False)
    assert this.getdataset().read(6) == b"SIMPLE"


@pytest.mark.parametrize("service", SERVICES)
def test_each_row_is_cut(found: Any, cube: Any, whole: Any, service: str) -> None:
    # DL-086, DL-099, SODA-071: the descriptor of the answer, and parameters that only this service has
    rows = found[service]
    descriptor = rows.get_adhocservice_by_ivoid(SODA_SYNC)
    query = SodaQuery.from_resource(row_of(rows, cube), descriptor, CHANNELS=(2, 4))
    pixels, header = opened(query.execute_stream())
    assert query["ID"] == cube["obs_publisher_did"]
    spectral = next(n for n in range(1, header["NAXIS"] + 1) if header[f"CTYPE{n}"][:4] in ("FREQ", "VRAD"))
    expected = whole[0].take(range(1, 4), axis=header["NAXIS"] - spectral)  # channels count from 1
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("service", ["tap", "sia"])  # a row of a cone has no processed() in pyvo
def test_each_row_is_processed(found: Any, cube: Any, whole: Any, service: str) -> None:
    row = row_of(found[service], cube)
    middle = 0.5 * (cube["em_min"] + cube["em_max"]) * u.m
    circle = (cube["s_ra"], cube["s_dec"], 0.0003) * u.deg
    pixels, _ = opened(row.processed(circle=circle, band=(middle, middle)))
    assert 0 < pixels.size < whole[0].size and np.isfinite(pixels).any()


def test_services_are_chosen_by_their_parameters(service_url: str, cube: Any, whole: Any) -> None:
    # DL-096: the first that takes what is wanted, as its descriptor says
    links = DatalinkService(f"{service_url}/datalink/sync").run_sync(cube["obs_publisher_did"])

    def with_parameters(*names: str) -> Any:
        return next(row for row in links.iter_procs() if set(names) <= {p.name for p in row.input_params})

    assert links.get_first_proc()["local_semantics"] == "cutout"
    pixels, _ = opened(with_parameters("CHANNELS", "PIXELS").process(CHANNELS=(1, 1)))
    assert pixels.size == whole[0].size / cube["em_xel"]
    moment, _ = opened(with_parameters("MOMENT").process(MOMENT="0", CHANNELS=(1, 3)))
    assert moment.size == pixels.size
    assert with_parameters("SPECTRUM").process(SPECTRUM="mean").read(5) == b"<?xml"
    rebinned, _ = opened(with_parameters("REBIN").process(CHANNELS=(1, 1), REBIN=(2, 2, 1)))
    assert rebinned.size < pixels.size


def test_a_parameter_has_the_limits_of_its_descriptor(service_url: str, cube: Any) -> None:
    # DL-090, SODA-079: what a user takes from there works as it stands
    links = DatalinkService(f"{service_url}/datalink/sync").run_sync(cube["obs_publisher_did"])
    proc = links.get_first_proc()
    limits = {param.name: param.values for param in proc.input_params}
    low, high = float(limits["BAND"].min), float(limits["BAND"].max)
    assert low <= cube["em_min"] * (1 + 1e-9) and high >= cube["em_max"] * (1 - 1e-9)
    pixels, _ = opened(proc.process(BAND=(low, high)))
    assert pixels.size > 0
    last = int(limits["CHANNELS"].max)
    assert opened(proc.process(CHANNELS=(last, last)))[0].size > 0
    query = DatalinkQuery.from_resource(
        links[0], links.get_adhocservice_by_ivoid(SODA_SYNC), CHANNELS=(last + 1, last + 1)
    )
    assert query.execute_stream().read() == b""  # SODA-050: nothing is there


@pytest.mark.parametrize("service", SERVICES)
def test_the_descriptor_of_links_is_a_service(found: Any, cube: Any, service: str) -> None:
    # DL-100
    rows = found[service]
    descriptor = rows.get_adhocservice_by_ivoid(LINKS)
    links = DatalinkQuery.from_resource(row_of(rows, cube), descriptor).execute()
    assert isinstance(links, DatalinkResults) and {"#this", "#cutout"} <= {row.semantics for row in links}
