"""Rare files that come on top of the families: copies made by hand, packed images, spectral axes of other
wavebands and older programs, beams that only the log tells, a tar.

The kinds take turns; the whole round is in a sample of 200 products.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle

import numpy as np
from astropy.io import fits

from vo_service.sample.drafts import Correction, Draft
from vo_service.sample.fitsfile import image_bytes
from vo_service.sample.headers import build_header
from vo_service.sample.imaging import image_window, lay_out
from vo_service.sample.profiles.axis_forms import label_aips_optical, label_air, label_optical, line_cube
from vo_service.sample.profiles.copies import delivered_copy, edited_copy, packed_copy
from vo_service.sample.profiles.plan import Plan
from vo_service.sample.profiles.spare import (
    FOLDER,
    PROFILE,
    Kind,
    Originals,
    Spare,
    continuum_of,
    header_of,
    image_of,
)


def _tile_compressed(spare: Spare) -> Iterator[Draft]:
    """An image packed in tiles without loss: the pixels lie in a table of the first extension."""
    planes, spec = continuum_of(spare)
    whole = image_bytes(build_header(spec), planes.corrected[None])
    with fits.open(io.BytesIO(whole)) as plain:
        packed = fits.CompImageHDU(
            plain[0].data, plain[0].header, compression_type="GZIP_1", quantize_level=0.0
        )
        made = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(made)
    path = f"{FOLDER}/{spare.target}_{spare.number}_cont.image.pbcor.fits.fz"
    draft = image_of(spare, path, planes, made.getvalue(), "tile_compressed")
    yield replace(draft, notes={"hdu": 1})


def _logged_beam(log: Callable[[float, float, float], list[str]], origin: str, program: str) -> Kind:
    """Images without BMAJ, whose beam stands in the HISTORY as ``program`` writes it."""

    def make(spare: Spare) -> Iterator[Draft]:
        planes, spec = continuum_of(spare)
        header = build_header(replace(spec, beam=None, origin=origin))
        header.history += log(*spare.observation.beam)
        path = f"{FOLDER}/{spare.target}_{spare.number}.{program}.image.fits"
        content = image_bytes(header, planes.corrected[None])
        yield image_of(spare, path, planes, content, "beam_in_history")

    return make


def _aips_log(major: float, minor: float, angle: float) -> list[str]:
    beam = f"BMAJ={major / 3600:12.4E} BMIN={minor / 3600:12.4E} BPA={angle:7.2f}"
    return [
        f"CONVL BMAJ={major:8.4f} BMIN={minor:8.4f} BPA={angle:6.1f}/Output beam",
        "IMAGR NMAPS =   1 /Number of clean images used",
        f"AIPS   CLEAN {beam}",
        "AIPS   CLEAN NITER=     1000 PRODUCT=1   / NORMAL",
    ]


def _casa_log(major: float, minor: float, angle: float) -> list[str]:
    """Two runs of clean: the beam of the second one is the image's. Long lines go on behind a ``>``."""
    lines = []
    for run, factor in enumerate((1.3, 1.0), 41):
        text = (
            f"Sat Aug 20 16:{run}:41 2016  HISTORY imager::clean() [] Fitted beam used in restoration: "
            f"{factor * major:.6g} by {factor * minor:.6g} (arcsec) at pa {angle:.6g} (deg)"
        )
        lines += [text[:72], ">" + text[72:]]
    return lines


def _long_history(spare: Spare) -> Iterator[Draft]:
    """An image with 5,000 lines of HISTORY: 400 kB of header on 16 kB of pixels."""
    planes, spec = continuum_of(spare)
    header = build_header(spec)
    header.history += [
        f"tclean minor cycle {n} peak residual {0.5 / (n + 1):.6f} Jy/beam" for n in range(5000)
    ]
    path = f"{FOLDER}/{spare.target}_{spare.number}_cont.history.image.pbcor.fits"
    yield image_of(spare, path, planes, image_bytes(header, planes.corrected[None]), "long_history")


def _quiet_cube(spare: Spare) -> Iterator[Draft]:
    """A cube of many channels with continuum in it and no line."""
    seen = spare.observation
    field = lay_out(spare.rng, seen, limit=64)
    window = replace(seen.windows[1], line=None)
    imaged = image_window(spare.rng, seen, window, field, channels=56)
    header = build_header(
        replace(header_of(seen, field, imaged.axis, "CASA 6.4.1-12"), rest=float(window.centre))
    )
    path = f"{FOLDER}/{spare.target}_{spare.number}_quiet.image.pbcor.fits"
    content = image_bytes(header, imaged.planes.corrected[None])
    yield replace(image_of(spare, path, imaged.planes, content, "no_line"), role="cube")


def _in_tar(spare: Spare) -> Iterator[Draft]:
    """An image and its primary beam in a tar."""
    planes, spec = continuum_of(spare)
    tar = f"{FOLDER}/{spare.target}_{spare.number}.tar"
    path = f"{tar}/{spare.target}/{spare.target}_cont.image.pbcor.fits"
    image = image_of(spare, path, planes, image_bytes(build_header(spec), planes.corrected[None]), "in_tar")
    yield Draft(path=tar, content=b"", role="unknown", profile=PROFILE, side=True, tar=tar)
    yield replace(image, tar=tar)
    response = np.where(planes.valid, planes.primary_beam, np.nan)
    yield replace(
        image,
        path=path.replace(".image.pbcor.", ".pb."),
        content=image_bytes(build_header(replace(spec, unit=None, beam=None)), response[None, None]),
        role="pb",
        is_primary=False,
        unit=None,
        quirks=("in_tar", "no_beam", "no_unit"),
        noise=None,
        tar=tar,
    )


KINDS: tuple[Kind, ...] = (
    packed_copy,
    _tile_compressed,
    line_cube(label_optical, "vopt"),
    _quiet_cube,
    edited_copy,
    _in_tar,
    _logged_beam(_aips_log, "AIPS", "aips"),
    line_cube(label_aips_optical, "felo_lsr", Correction("SPECSYS", None, "LSRK")),
    _long_history,
    line_cube(label_air, "awav"),
    delivered_copy,
    _logged_beam(_casa_log, "CASA 4.5.3-REL (r36115)", "casa"),
)


def files(seed: int, plan: Plan, originals: Originals) -> Iterator[Draft]:
    """One kind per observation of the pool, in turn; a copy is left out where it has no original."""
    for number, (observation, kind) in enumerate(zip(plan.oddments, cycle(KINDS), strict=False)):
        yield from kind(Spare(np.random.default_rng([seed, number]), observation, number, originals))
