"""The engine hipsgen: its parts against those of our own engine, and against astropy and scipy."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cdshealpix.nested
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from made_fields import ARCSEC, FileField, header_of, sources_of, write_field
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from stand_ins import stand_in

from hips.hipsgen.tool import Tool
from hips.images.engine import Engine, Part, Sheets, Wanted
from hips.images.errors import EngineFailed, EngineMissing, FieldFailed
from hips.images.hipsgen import HipsgenEngine, hipsgen_engine, lots
from hips.images.resample import Reproject
from hips.tiles.grid import WIDTH, order_for, pixel_cells, pixel_side
from hips.tiles.touched import touched_cells

DEEP_SOURCE = (83.7, -21.4)
"""Pixel, counted from 0, of the point source of the field ``deep``."""
SIGMA = 1.7


class Maker:
    """Writes fields, one file each, seeded by its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        name: str,
        place: tuple[float, float],
        size: tuple[int, int] = (90, 80),
        pixel: float = 1.0,
        projection: str = "SIN",
        turned: float = 0.0,
        weights: NDArray[np.floating] | None = None,
        blank: tuple[slice, slice] | None = None,
    ) -> FileField:
        rng = np.random.default_rng(sum(name.encode()))
        values = 5.0 + rng.normal(size=(size[1], size[0]))
        if blank is not None:
            values[blank] = np.nan
        header = header_of(*place, pixel * ARCSEC, size, projection, turned)
        return write_field(self.folder / f"{name}.fits", values, header, weights=weights)


def deep_field(folder: Path) -> FileField:
    """A point source of flux 1 in a field of 0.05 arcsec."""
    size = (160, 150)
    header = header_of(150.1, 2.2, 0.05 * ARCSEC, size, "SIN", 20.0)
    x, y = DEEP_SOURCE[0] - 0.3, DEEP_SOURCE[1] + 100.4
    peak = 1.0 / (2.0 * np.pi * SIGMA**2)
    return write_field(folder / "deep.fits", sources_of(size, [(x, y, peak)], 2.354820045 * SIGMA), header)


def odd_fields(folder: Path) -> list[FileField]:
    """Fields that an engine may have trouble with; all but the last four can be had."""
    make = Maker(folder)
    counts = np.tile(np.linspace(-0.5, 2.0, 90), (80, 1))
    zero = make("zero", (40.0, 20.0))
    with fits.open(zero.path, mode="update") as hdus:
        hdus[0].data[10:40, 10:40] = 0.0
        hdus[0].data[60, 60] = np.inf
    broken = make("broken", (41.0, 20.0))
    broken.path.write_bytes(b"no FITS" * 1000)
    nowhere = make("nowhere", (42.0, 20.0))
    nowhere.path.unlink()
    return [
        make("turned", (83.6, -5.4), turned=30.0),
        make("overlaps", (83.61, -5.405), projection="TAN"),
        make("beside", (83.65, -5.4), projection="ARC", turned=190.0),
        make("north", (10.0, 90.0), turned=10.0),
        make("south", (200.0, -89.99), projection="ZEA"),
        make("meridian", (0.001, 35.0), projection="STG"),
        make("opposite", (180.0, 0.0)),
        make("alone", (50.0, 10.0), size=(1, 1)),
        make("long", (60.0, 10.0), size=(200, 6)),
        make("holes", (70.0, -41.8), blank=(slice(20, 50), slice(30, 60))),
        make("weighed", (80.0, 41.8), weights=counts),
        make("sanson", (90.0, 1.0), projection="SFL", size=(40, 40)),
        zero,
        deep_field(folder),
        make("blank", (43.0, 20.0), blank=(slice(None), slice(None))),
        make("wide", (100.0, 60.0), pixel=120.0, size=(300, 300), projection="CAR"),
        broken,
        nowhere,
    ]


def wanted_of(field: FileField, *further: int) -> Wanted:
    """All its cells at its own order, and some at further ones."""
    order = order_for(field.pixel_scale)
    try:
        with field.open() as plane:
            cells = {at: touched_cells(plane.sky, plane.size, at) for at in (order, *further)}
    except (OSError, fits.VerifyError):
        cells = {order: np.array([1])}
    return Wanted(field, cells)


@dataclass(frozen=True)
class Prepared:
    wanted: dict[str, Wanted]
    ours: Sheets
    theirs: Sheets
    told: list[tuple[int, int]]
    scratch: Path

    def parts(self, name: str) -> Iterator[tuple[int, int, Part | None, Part | None]]:
        """(order, cell, ours, theirs) of all that was wanted of a field."""
        wanted = self.wanted[name]
        with self.ours.open(wanted.field) as mine, self.theirs.open(wanted.field) as other:
            for order, cells in wanted.cells.items():
                for cell in cells.tolist():
                    yield order, cell, mine.part(order, cell), other.part(order, cell)


def prepare(engine: Engine, wanted: list[Wanted], scratch: Path) -> tuple[Sheets, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    sheets = engine.prepare(wanted, scratch, lambda done, total: told.append((done, total)))
    return pickle.loads(pickle.dumps(sheets)), told


@pytest.fixture(scope="module")
def prepared(hipsgen: Tool, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    place = tmp_path_factory.mktemp("engine")
    wanted = [wanted_of(field, *[10][: field.name == "turned"]) for field in odd_fields(place)]
    scratch = place / "scratch ü"
    scratch.mkdir()
    theirs, told = prepare(HipsgenEngine(hipsgen), wanted, scratch)
    ours, _ = prepare(Reproject(), wanted, scratch)
    return Prepared({one.field.name: one for one in wanted}, ours, theirs, told, scratch)


NAMES = (
    "turned overlaps beside north south meridian opposite alone long holes weighed sanson zero deep blank"
).split()


def check_same(one: Part | None, other: Part | None, place: str) -> None:
    """Parts of the same tile; a place is known to a thousandth of a pixel, so that a pixel may lie on the
    other side of an edge."""
    assert (one is None) == (other is None), place
    if one is None or other is None:
        return
    assert other.values.shape == (WIDTH, WIDTH) and other.values.dtype == np.float32
    assert not np.isinf(other.values).any()
    blank, theirs = ~np.isfinite(one.values), np.isnan(other.values)
    assert np.count_nonzero(blank != theirs) <= 3, place
    both = ~blank & ~theirs
    assert np.abs(one.values - other.values)[both].max() < 0.02, place
    assert (one.weights is None) == (other.weights is None)
    if one.weights is not None and other.weights is not None:
        assert np.array_equal(np.isnan(other.weights), theirs)
        assert np.abs(one.weights - other.weights)[both].max() < 1e-3, place


@pytest.mark.judge
@pytest.mark.parametrize("name", NAMES)
def test_both_engines_make_the_same_parts(prepared: Prepared, name: str) -> None:
    # HIPS-020, -023, -025, -026: the same tiles, the same pixels of these, the same values
    count = 0
    for order, cell, mine, other in prepared.parts(name):
        check_same(mine, other, f"{order}/{cell}")
        count += mine is not None
    assert (count > 0) == (name != "blank")


@pytest.mark.judge
@pytest.mark.parametrize("name", ["turned", "overlaps", "north", "south", "meridian", "opposite", "weighed"])
def test_values_are_those_of_bilinear_interpolation(prepared: Prepared, name: str) -> None:
    field = prepared.wanted[name].field
    with fits.open(field.path) as hdus:
        wcs, image = WCS(hdus[0].header), hdus[0].data.astype(float)
    every = np.arange(WIDTH)
    for order, cell, _, part in prepared.parts(name):
        if part is None:
            continue
        cells = pixel_cells(order, cell, every[:, None], every)
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.ravel().astype(np.uint64), order + 9)
        x, y = wcs.wcs_world2pix(lon.deg, lat.deg, 0)
        truth = map_coordinates(image, [y, x], order=1, cval=np.nan).reshape(WIDTH, WIDTH)
        both = np.isfinite(truth) & np.isfinite(part.values)
        assert both.sum() > 0.9 * np.isfinite(part.values).sum() - 100.0
        assert np.abs(truth - part.values)[both].max() < 1e-4  # of values round 5


@pytest.mark.judge
def test_a_point_source_keeps_its_flux_and_its_place(prepared: Prepared) -> None:
    field = prepared.wanted["deep"].field
    with fits.open(field.path) as hdus:
        wcs = WCS(hdus[0].header)
    flux, moments = 0.0, np.zeros(2)
    every = np.arange(WIDTH)
    for order, cell, _, part in prepared.parts("deep"):
        if part is None:
            continue
        share = (pixel_side(order) / field.pixel_scale) ** 2
        cells = pixel_cells(order, cell, every[:, None], every)
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.ravel().astype(np.uint64), order + 9)
        values = np.nan_to_num(part.values.ravel().astype(float)) * share
        flux += values.sum()
        moments += [values @ lon.deg, values @ lat.deg]
    assert flux == pytest.approx(1.0, abs=0.01)
    x, y = wcs.wcs_world2pix(*(moments / flux), 0)
    assert (float(x), float(y)) == pytest.approx((DEEP_SOURCE[0] - 0.3, DEEP_SOURCE[1] + 100.4), abs=0.1)


@pytest.mark.judge
def test_fields_that_cannot_be_had_are_told_one_by_one(prepared: Prepared) -> None:
    failed = prepared.theirs.failed
    assert failed.keys() == {"wide", "broken", "nowhere"}
    assert "projection (CAR)" in failed["wide"] and "the engine reproject reads it" in failed["wide"]
    for name, reason in failed.items():
        with pytest.raises(FieldFailed) as error, prepared.theirs.open(prepared.wanted[name].field):
            pass
        assert error.value.name == name and error.value.reason == reason


@pytest.mark.judge
def test_nothing_but_parts_stays_in_scratch(prepared: Prepared) -> None:
    assert [path.name for path in prepared.scratch.iterdir()] == ["parts"]
    kept = [path for path in prepared.scratch.rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} == {".npz"}
    pixels = sum(pixels_in(path) for path in kept)
    assert sum(path.stat().st_size for path in kept) < 8.0 * pixels


def pixels_in(path: Path) -> int:
    with np.load(path) as kept:
        return int(kept["values"].size)


@pytest.mark.judge
def test_progress_is_told(prepared: Prepared) -> None:
    total = len(prepared.wanted)
    assert prepared.told[-1] == (total, total)
    done = [count for count, _ in prepared.told]
    assert done == sorted(done) and done[0] < total


@pytest.mark.judge
def test_a_large_image_is_done_in_pieces(
    hipsgen: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # each run gets the pixels that its tiles need; no seam is where two runs meet
    monkeypatch.setattr(lots, "MOST_CELLS", 4)
    field = Maker(tmp_path)("large", (30.0, 12.0), size=(700, 500), turned=12.0)
    wanted = wanted_of(field)
    assert len(wanted.cells[9]) > 4
    (tmp_path / "scratch").mkdir()
    theirs, told = prepare(HipsgenEngine(hipsgen), [wanted], tmp_path / "scratch")
    ours, _ = prepare(Reproject(), [wanted], tmp_path)
    assert told[0] == (0, 1) and told[-1] == (1, 1) and len(told) > 2
    with ours.open(field) as mine, theirs.open(field) as other:
        for cell in wanted.cells[9].tolist():
            check_same(mine.part(9, cell), other.part(9, cell), str(cell))


@pytest.fixture
def one(tmp_path: Path) -> tuple[list[Wanted], Path]:
    """A field, and a directory for the engine."""
    (tmp_path / "scratch").mkdir()
    return [wanted_of(Maker(tmp_path)("one", (30.0, 12.0)))], tmp_path / "scratch"


def test_a_killed_run_is_told_and_leaves_nothing(one: tuple[list[Wanted], Path], tmp_path: Path) -> None:
    wanted, scratch = one
    with pytest.raises(EngineFailed, match="ended by signal SIGKILL"):
        prepare(HipsgenEngine(stand_in(tmp_path, "kill -9 $$")), wanted, scratch)
    assert list(scratch.iterdir()) == []


@pytest.mark.judge
def test_a_full_disk_is_told_and_leaves_nothing(
    one: tuple[list[Wanted], Path], hipsgen: Tool, tmp_path: Path
) -> None:
    # no file may grow beyond 300 blocks of 512 bytes: the tool loses every tile, and says it is done
    wanted, scratch = one
    limited = stand_in(tmp_path, f'ulimit -f 300; exec {hipsgen.java} "$@"')
    tool = Tool(limited.java, hipsgen.jar, hipsgen.version)
    with pytest.raises(OSError, match="File too large") as failed:
        prepare(HipsgenEngine(tool), wanted, scratch)
    assert failed.value.errno == errno.EFBIG
    assert list(scratch.iterdir()) == []


def test_no_tool_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineMissing, match="hipsgen needs Java"):
        hipsgen_engine()


@pytest.mark.judge
def test_the_version_is_that_of_the_tool(hipsgen: Tool) -> None:
    engine = HipsgenEngine(hipsgen)
    assert engine.name == "hipsgen" and engine.version.startswith(f"{hipsgen.version}-")
