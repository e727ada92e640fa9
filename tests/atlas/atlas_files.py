"""Images and cubes for the tests of fields, written by astropy, and what the holdings know of them."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from vo_service.atlas.fields import AtlasField, PrimaryBeam
from vo_service.atlas.looks import Look, key_of, look
from vo_service.atlas.opening import Origin, Workbench
from vo_service.atlas.public_sets import PublicSet
from vo_service.atlas.recipes import Quantity, Recipe
from vo_service.holdings.records import FoundFile
from vo_service.products.stored import StoredFile

Array = NDArray[Any]

PIXEL = 0.2 / 3600.0
MAJOR, MINOR = 1.1 / 3600.0, 0.7 / 3600.0
FIRST_HZ, STEP_HZ = 230.4e9, 2.0e6
REST_HZ = 230.538e9
RELEASED = datetime(2020, 1, 1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)

SKY = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CDELT1": -PIXEL, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CDELT2": PIXEL, "CUNIT2": "deg",
    "RADESYS": "ICRS",
}  # fmt: skip
FREQUENCY = {
    "CTYPE3": "FREQ", "CRVAL3": FIRST_HZ, "CRPIX3": 1.0, "CDELT3": STEP_HZ, "CUNIT3": "Hz",
    "SPECSYS": "BARYCENT", "RESTFRQ": REST_HZ,
}  # fmt: skip
STOKES = {"CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0}
BEAM = {"BMAJ": MAJOR, "BMIN": MINOR, "BPA": 30.0}


def random_values(*shape: int, seed: int = 1) -> Array:
    """Numbers that are all different."""
    return np.random.default_rng(seed).normal(1.0, 0.5, shape).astype(np.float32)


def hdu_of(data: Array, **cards: object) -> fits.PrimaryHDU:
    """An image of the axes RA, Dec, frequency, Stokes, as many as it has; ``None`` takes a card away."""
    hdu = fits.PrimaryHDU(data)
    known: dict[str, object] = dict(SKY)
    known |= {"CRPIX1": data.shape[-1] / 2.0, "CRPIX2": data.shape[-2] / 2.0}
    known |= FREQUENCY if data.ndim > 2 else {}
    known |= STOKES if data.ndim > 3 else {}
    for key, value in (known | BEAM | {"BUNIT": "Jy/beam"} | cards).items():
        if value is not None:
            hdu.header[key] = value
    return hdu


def write_image(path: Path, data: Array, **cards: object) -> Path:
    """A plain file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu_of(data, **cards).writeto(path, overwrite=True)
    return path


def write_beamed(path: Path, data: Array, major: Array, minor: Array) -> Path:
    """A cube with a beam (arcsec) for each channel of its one polarisation, as CASA writes them."""
    hdu = hdu_of(data, CASAMBM=True, BMAJ=None, BMIN=None, BPA=None)
    fits.HDUList([hdu, _beam_table(major, minor)]).writeto(path)
    return path


def _beam_table(major: Array, minor: Array) -> fits.BinTableHDU:
    columns = [
        fits.Column("BMAJ", "E", "arcsec", array=major),
        fits.Column("BMIN", "E", "arcsec", array=minor),
        fits.Column("BPA", "E", "deg", array=np.zeros(len(major))),
        fits.Column("CHAN", "J", array=np.arange(len(major))),
        fits.Column("POL", "J", array=np.zeros(len(major))),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="BEAMS")
    table.header["NCHAN"], table.header["NPOL"] = len(major), 1
    return table


def write_zipped(path: Path, data: Array, **cards: object) -> Path:
    """The same as a gzip file."""
    buffer = io.BytesIO()
    hdu_of(data, **cards).writeto(buffer)
    path.write_bytes(gzip.compress(buffer.getvalue()))
    return path


def write_tiled(path: Path, data: Array, **cards: object) -> Path:
    """The same in tiles, without loss."""
    plain = hdu_of(data, **cards)
    packed = fits.CompImageHDU(plain.data, plain.header, compression_type="GZIP_1", quantize_level=0.0)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path, overwrite=True)
    return path


def write_tar(path: Path, members: Mapping[str, Path], mode: str = "w") -> Path:
    """A tar, packed where the mode says so."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, place in members.items():
            tar.add(place, name)
    return path


def stored_at(path: Path, root: Path, **changes: object) -> StoredFile:
    """What the holdings know of a file below a root."""
    state = path.stat()
    found = FoundFile("r", path.relative_to(root).as_posix(), state.st_size, state.st_mtime_ns)
    media = "image/x-fits-gzip" if path.name.endswith(".gz") else "application/fits"
    file = StoredFile(
        f"p-{path.stem}", found, 1, media, "file", RELEASED, dataset_id=f"d-{path.stem}", is_primary=True
    )
    return replace(file, **changes)  # type: ignore[arg-type]


def bench_at(folder: Path, seconds: float = 600.0) -> Workbench:
    """A workbench of its own."""
    for name in ("indexes", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    return Workbench(folder / "indexes", folder / "scratch", seconds)


def set_of(file: StoredFile, *primary_beams: StoredFile, **changes: object) -> PublicSet:
    """A data set that the file is, with what a row says of it."""
    row = {"dataset_id": file.dataset_id, "obs_publisher_did": f"ivo://x/{file.dataset_id}", "band_list": "6"}
    known = PublicSet(file, row, primary_beams, original=file.product_id)
    return replace(known, **changes)  # type: ignore[arg-type]


def look_at(one: PublicSet, recipe: Recipe, root: Path) -> Look:
    """What is seen of a map whose files lie below ``root``."""
    return look(one, recipe, {"r": root})


def field_of(one: PublicSet, recipe: Recipe, root: Path, bench: Workbench) -> AtlasField:
    """The field of a map, which there must be."""
    seen = look_at(one, recipe, root)
    assert seen.reason is None, seen.reason
    beams = [file for file in one.primary_beams if file.product_id == seen.beam]
    response = None
    if beams:
        etag = beams[0].etag.strip('"')
        response = PrimaryBeam(Origin(beams[0], root), seen.beam_channel, etag, not one.is_corrected)
    return AtlasField(
        one.dataset_id,
        key_of(one, recipe),
        seen.pixel_scale,
        seen.resolution,
        seen.weight,
        Origin(one.science, root),
        recipe,
        bench,
        response,
    )


def all_of(field: AtlasField) -> Array:
    """Every value of a field."""
    with field.open() as plane:
        columns, rows = plane.size
        return plane.values((0, columns), (0, rows))


def map_of(path: Path, quantity: Quantity, folder: Path, recipe: Recipe | None = None) -> Array:
    """A map of the file of one image, whole."""
    file = stored_at(path, path.parent)
    return all_of(field_of(set_of(file), recipe or Recipe(quantity), path.parent, bench_at(folder)))
