"""astroquery.alma with the address of its archive pointed here, anonymously, as its users call it."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import regions
import requests
from astropy.coordinates import SkyCoord
from astroquery.alma import AlmaClass
from cutting_relay import CuttingRelay


@pytest.fixture(scope="module")
def observed(alma: AlmaClass) -> dict[str, object]:
    """A row of the archive with a footprint and a project."""
    query = (
        "select top 1 * from ivoa.obscore where data_rights = 'Public' and s_region is not null "
        "and proposal_id is not null and band_list is not null and sensitivity_10kms is not null "
        "and pi_name not like '%''%' "  # the client doubles no quotes
        "order by obs_publisher_did"
    )
    return dict(alma.query_tap(query).to_table()[0])


@pytest.fixture(scope="module")
def centre(observed: dict[str, object]) -> SkyCoord:
    return SkyCoord(observed["s_ra"], observed["s_dec"], unit="deg")


def test_any_adql_goes_through(alma: AlmaClass) -> None:
    rows = alma.query_tap("select distinct data_rights from ivoa.obscore where data_rights is not null")
    assert set(rows.to_table()["data_rights"]) == {"Public", "Proprietary"}


def test_a_region_is_searched(alma: AlmaClass, observed, centre: SkyCoord) -> None:
    # TAP-335: 1 = INTERSECTS(CIRCLE('ICRS', ...), s_region)
    found = alma.query_region(centre, radius=0.05 * u.deg, public=None)
    assert observed["obs_publisher_did"] in list(found["obs_publisher_did"])
    assert len(found) < len(alma.query({}, public=None, science=False))


# the archive declares a unit for this column of text (ALMA-039), and so do we
@pytest.mark.filterwarnings("ignore:column frequency_support has a unit")
def test_regions_are_made_of_footprints(alma: AlmaClass, centre: SkyCoord) -> None:
    # ALMA-110: STC-S with its ID, xtype and utype, or no region is made
    found = alma.query_region(centre, radius=0.05 * u.deg, public=None, enhanced_results=True)
    made = [region for region in found["s_region"] if region is not None]
    assert made and all(isinstance(region, regions.Region) for region in made)
    assert found["s_ra"].unit == u.deg and found["frequency"].unit == u.GHz


def test_a_range_of_coordinates_is_searched(alma: AlmaClass, observed) -> None:
    # RANGE_S2D, the archive's own function
    ra, dec = float(observed["s_ra"]), float(observed["s_dec"])
    found = alma.query({"ra_dec": f"{ra - 0.1}..{ra + 0.1} {dec - 0.1}..{dec + 0.1}"}, public=None)
    assert observed["obs_publisher_did"] in list(found["obs_publisher_did"])
    assert np.all(np.abs(np.asarray(found["s_dec"]) - dec) < 1)


@pytest.mark.parametrize(
    ("form", "column"),
    [
        ({"source_name_alma": "{target_name}"}, "target_name"),
        ({"project_code": "{proposal_id}"}, "proposal_id"),
        ({"band_list": ["{band_list}"]}, "band_list"),
        ({"frequency": "{frequency} .. 2000"}, "frequency"),
        ({"spatial_resolution": "0 .. {spatial_resolution}"}, "spatial_resolution"),
        ({"line_sensitivity": "{sensitivity_10kms}"}, "sensitivity_10kms"),
        ({"pi_name": "{pi_name}"}, "pi_name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_archives_form_is_answered(alma: AlmaClass, observed, form, column) -> None:
    def filled(value):
        return [filled(v) for v in value] if isinstance(value, list) else value.format(**observed)

    found = alma.query({name: filled(value) for name, value in form.items()}, public=None, science=None)
    assert observed["obs_publisher_did"] in list(found["obs_publisher_did"])


def test_a_name_with_underscores_is_found(alma: AlmaClass) -> None:
    # ADQL-087: the client writes LIKE with \_ in it
    name = alma.query_tap(
        "select top 1 target_name from ivoa.obscore where target_name like '%\\_%' order by target_name"
    )["target_name"][0]
    found = alma.query({"source_name_alma": f"{name}*"}, public=None, science=None)
    assert name in set(found["target_name"])
    assert all(each.startswith(name) for each in found["target_name"])


def test_public_and_proprietary_rows_are_told_apart(alma: AlmaClass) -> None:
    # ALMA-100: by the clock
    now = datetime.now(UTC).isoformat()
    public, closed, both = (alma.query({}, public=each, science=None) for each in (True, False, None))
    assert set(public["data_rights"]) == {"Public"} and set(closed["data_rights"]) == {"Proprietary"}
    assert len(both) >= len(public) + len(closed) > 0
    assert all(date > now for date in closed["obs_release_date"] if date)


def test_science_observations_are_told_apart(alma: AlmaClass) -> None:
    science = alma.query({}, science=True, public=None)
    assert set(science["science_observation"]) == {"T"}


def test_old_names_of_columns_are_made(alma: AlmaClass, observed) -> None:
    """Of rows of the archive: the client fails on a row without t_min, as files without a date have it."""
    form = {"project_code": observed["proposal_id"], "start_date": "01-01-2005 .. 01-01-2026"}
    found = alma.query(form, public=None, science=True, legacy_columns=True)
    assert {"Project code", "Source name", "RA", "Dec", "Band", "Member ous id"} <= set(found.colnames)
    assert len(found) > 0


def test_rows_are_cut_where_the_user_says_so(alma: AlmaClass, centre: SkyCoord) -> None:
    assert len(alma.query_region(centre, radius=60 * u.deg, public=None, maxrec=2)) == 2


@pytest.fixture(scope="module")
def products(alma: AlmaClass) -> list[dict[str, object]]:
    """Public files, the largest first."""
    query = "select product_id, size_bytes, access_url from holdings.product where data_rights = 'Public'"
    rows = alma.query_tap(query).to_table()
    rows.sort("size_bytes", reverse=True)
    return [dict(row) for row in rows[:8]]


@pytest.mark.parametrize("kind", ["file", "package"])
def test_a_download_that_was_interrupted_goes_on(
    alma: AlmaClass, service_url: str, products, tmp_path: Path, kind: str
) -> None:
    """HEAD with length and name, then what is missing by Range, as `download_files` does it."""
    ids = [each["product_id"] for each in products]
    address = f"{service_url}/packages/tar?" + "&".join(f"ID={each}" for each in ids)
    if kind == "file":
        address = str(products[0]["access_url"])
    with CuttingRelay(service_url) as relay:
        through = address.replace(service_url, relay.url)
        whole = requests.get(through, timeout=60)
        relay.most = len(whole.content) // 3
        client = AlmaClass()
        client.archive_url = client.dataarchive_url = relay.url
        with pytest.raises((requests.RequestException, http.client.HTTPException, ValueError)):
            client.download_files([through], savedir=tmp_path, continuation=True)
        (part,) = tmp_path.iterdir()
        assert part.name == whole.headers["Content-Disposition"].partition("filename=")[2]
        begun = part.stat().st_size
        assert 0 < begun < len(whole.content)
        relay.most, relay.heads = None, []
        (found,) = client.download_files([through], savedir=tmp_path, continuation=True)
        assert Path(found).read_bytes() == whole.content
        assert relay.ranges() == [begun]
        again = client.download_files([through], savedir=tmp_path, continuation=True)
        assert again == [found] and relay.ranges() == [begun], "what is whole is left as it is"
