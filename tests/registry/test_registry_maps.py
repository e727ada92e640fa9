"""What records tell of the coverage where coverage maps are built: these, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import mocpy
import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from lxml import etree
from registries import AUTHORITY, BASE, START, Registry, publish, sky_rows

from hips.mocs.build import build_maps
from hips.mocs.drafts import Source
from hips.mocs.kept import Build, open_build
from hips.mocs.names import Dimension
from hips.mocs.rows import parts_of
from hips.mocs.times import mjd_of, ranges_of_times
from hips.mocs.writing import ascii_of
from vo_service.access import Rights
from vo_service.dali.errors import ServiceAway
from vo_service.store import Catalogue, Snapshots

PATHS = ("tap", "obs", "obs/radio", "sia2", "moc")


def built(registry: Registry) -> Build:
    """Maps of the current snapshot."""
    catalogue = Catalogue.open_in(registry.home)
    snapshots = Snapshots(registry.home, catalogue)
    with snapshots.lease() as snapshot:
        rows = snapshot.count_rows("ivoa.obscore")
        build_maps(
            registry.home, Source(parts_of(snapshot), snapshot.number, rows, Rights(), START), "a test", 9.0
        )
    snapshots.close()
    catalogue.close()
    build = open_build(registry.home)
    assert build is not None
    return build


def coverage(registry: Registry, path: str = "obs") -> etree._Element:
    return registry.record(f"ivo://{AUTHORITY}/{path}").find("coverage")


def stamp(registry: Registry) -> str:
    root = registry.ask("GetRecord", metadataPrefix="ivo_vor", identifier=f"ivo://{AUTHORITY}/obs")
    (found,) = root.iter("{http://www.openarchives.org/OAI/2.0/}datestamp")
    return str(found.text)


@pytest.mark.parametrize("path", PATHS)
def test_records_tell_of_the_maps(
    registry: Registry, path: str, validate: Callable[..., etree._Element]
) -> None:
    # MOC-084 to MOC-088, REG-102
    build = built(registry)
    registry.maps = lambda: build
    element = coverage(registry, path)
    kinds = [child.tag for child in element]
    assert kinds == ["spatial", "temporal", "temporal", "temporal", "spectral", "footprint", "waveband"]
    assert element.findtext("footprint") == f"{BASE}/moc/holdings.fits"
    assert element.find("footprint").get("ivo-id") == "ivo://ivoa.net/std/moc"
    space = build.moc(("holdings",), Dimension.SPACE)
    assert element.findtext("spatial") == ascii_of(space.degraded(6)).strip()
    rows = sky_rows(0, 40)
    cells = mocpy.MOC.from_string(element.findtext("spatial"))
    assert cells.contains_lonlat(*(rows[name].to_numpy() * u.deg for name in ("s_ra", "s_dec"))).all()
    times = [tuple(map(float, one.text.split())) for one in element.iterfind("temporal")]
    for (low, high), start in zip(times, (57000.0, 57100.0, 57200.0), strict=True):
        assert start - 0.06 < low < start - 0.006 and start + 0.506 < high < start + 0.56
    low, high = map(float, element.findtext("spectral").split())
    assert low <= 6.62607015e-34 * 211e9 < 1.002 * low and 0.998 * high < 6.62607015e-34 * 275e9 <= high
    answer = registry.send(
        params={"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": f"ivo://{AUTHORITY}/{path}"}
    )
    validate(answer.content)


def test_maps_of_an_older_snapshot_do_not_hide_what_came_since(registry: Registry) -> None:
    # MOC-089: every row lies inside of the coverage in records
    build = built(registry)
    registry.maps = lambda: build
    assert coverage(registry).find("footprint") is not None
    lon, lat = (sky_rows(0, 100)[name].to_numpy() * u.deg for name in ("s_ra", "s_dec"))
    known = mocpy.MOC.from_string(coverage(registry).findtext("spatial"))
    assert not known.contains_lonlat(lon, lat).all()
    publish(registry.home, sky_rows(40, 60))
    registry.later(hours=1).open()
    element = coverage(registry)
    assert mocpy.MOC.from_string(element.findtext("spatial")).contains_lonlat(lon, lat).all()
    assert element.findtext("footprint") == f"{BASE}/moc/holdings.fits"
    # and the next build is told of as any
    build = built(registry)
    registry.later(hours=1)
    space = build.moc(("holdings",), Dimension.SPACE)
    assert coverage(registry).findtext("spatial") == ascii_of(space.degraded(6)).strip()


def test_maps_that_are_not_shown_are_not_told_of(registry: Registry) -> None:
    before = etree.tostring(coverage(registry))
    first = stamp(registry)
    build = built(registry)
    registry.maps = lambda: build
    registry.later(hours=1)
    assert coverage(registry).find("footprint") is not None
    second = stamp(registry)
    registry.later(hours=1)
    assert stamp(registry) == second > first  # nothing new: nobody harvests it again
    registry.maps = lambda: None
    assert etree.tostring(coverage(registry)) == before
    assert stamp(registry) > second


def test_records_stay_while_nobody_knows_what_may_be_shown(registry: Registry) -> None:
    build = built(registry)
    registry.maps = lambda: build
    before, told = etree.tostring(coverage(registry)), stamp(registry)

    def away() -> Build | None:
        raise ServiceAway("Nobody knows.")

    registry.maps = away
    registry.later(hours=1)
    assert etree.tostring(coverage(registry)) == before and stamp(registry) == told


def test_times_of_cells_are_those_that_they_were_made_of() -> None:
    mjd = np.array([41318.0, 57000.25, 60310.999999])
    starts, stops = ranges_of_times(mjd, mjd)
    wanted = Time(mjd, format="mjd", scale="utc")
    day = timedelta(days=1).total_seconds()
    assert np.allclose((mjd_of(starts) - wanted.mjd) * day, -520.0, atol=0.01)
    assert np.allclose((mjd_of(stops) - wanted.mjd) * day, 520.0, atol=0.01)
