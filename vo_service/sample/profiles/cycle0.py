"""Hand-made products of the first observing cycles: free names, old CASA, frames missing or other than
today's.

Three styles of header take turns: FK5 with PC001001 and topocentric frequencies; EQUINOX without RADESYS
and no SPECSYS; neither RADESYS nor EQUINOX (then the FITS standard says ICRS) in LSRK. The group of a line
is the corrected cube (primary), the cube before correction, pb (``.flux`` in CASA 3); the continuum is a
second group. The names tell no spectral window, so no archive row matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from vo_service.sample.drafts import Correction, Draft, planted_line, realised_noise
from vo_service.sample.fitsfile import image_bytes
from vo_service.sample.headers import HeaderText, ImageHeader, build_header
from vo_service.sample.images import PB_LIMIT
from vo_service.sample.imaging import Field, Imaged, image_window, lay_out, observing_date, written_date
from vo_service.sample.observations import Observation, Window
from vo_service.sample.profiles.plan import Plan

PROFILE = "cycle0"


@dataclass(frozen=True, slots=True)
class Style:
    """How the cards of one hand are written; ``frame`` is the truth, ``specsys`` what the card says."""

    origin: str
    written_in: str
    keep: tuple[str, ...]  # of RADESYS and EQUINOX
    specsys: str | None
    frame: str
    matrix: str
    unit: str
    history: int
    pb_name: str
    stokes: tuple[int, int]
    quirks: tuple[str, ...]
    corrections: tuple[Correction, ...]


STYLES = (
    Style(
        "CASA 3.4.0 (stable r19148)",
        "fk5",
        ("RADESYS", "EQUINOX"),
        "TOPOCENT",
        "TOPOCENT",
        "PC001001",
        "JY/BEAM",
        420,
        "flux",
        (1, 1),
        ("fk5", "topocentric", "upper_case_unit", "long_history"),
        (Correction("BUNIT", "JY/BEAM", "Jy/beam"), Correction("RADESYS", "FK5", "ICRS")),
    ),
    Style(
        "CASA 4.2.1 (r29047)",
        "fk5",
        ("EQUINOX",),
        None,
        "LSRK",
        "PC01_01",
        "Jy/beam",
        310,
        "pb",
        (1, 1),
        ("no_radesys", "no_specsys", "long_history"),
        (Correction("RADESYS", None, "FK5"), Correction("SPECSYS", None, None)),
    ),
    Style(
        "CASA 3.3.0 (release r16856)",
        "icrs",
        (),
        "LSRK",
        "LSRK",
        "CROTA",
        "JY/BEAM",
        150,
        "flux",
        (-5, 1),
        ("no_radesys", "no_equinox", "crota", "upper_case_unit", "xx"),
        (Correction("BUNIT", "JY/BEAM", "Jy/beam"),),
    ),
)


def _write(
    spec: ImageHeader, style: Style, planes: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> bytes:
    header = _restyle(build_header(spec), style)
    return image_bytes(header, planes[None])


def _restyle(header: HeaderText, style: Style) -> HeaderText:
    header.drop("RADESYS", "EQUINOX", "LONPOLE", "LATPOLE")
    if "EQUINOX" in style.keep:
        header.put("EQUINOX", 2000.0)
    if "RADESYS" in style.keep:
        header.put("RADESYS", "FK5")
    vis = "uid___A002_X37b127_X2f.ms"
    header.history += [
        f"2012-03-01T17:{n // 60 % 60:02d}:{n % 60:02d} INFO flagdata [] vis = {vis} row {n}"
        for n in range(style.history)
    ]
    return header


def _spec(
    observation: Observation, field: Field, imaged: Imaged, style: Style, rest: float | None
) -> ImageHeader:
    return ImageHeader(
        target=observation.object_name,
        grid=field.grid,
        spectral=imaged.axis,
        date=observing_date(observation),
        origin=style.origin,
        unit=style.unit,
        beam=imaged.beams[0],
        rest=rest,
        stokes=style.stokes,
        matrix=style.matrix,
        written=written_date(observation),
    )


def _line_set(
    rng: np.random.Generator, observation: Observation, field: Field, style: Style, stem: str
) -> Iterator[Draft]:
    window = observation.windows[0]
    imaged = image_window(rng, observation, window, field, specsys=style.specsys, frame=style.frame)
    line = window.line
    spec = _spec(observation, field, imaged, style, line.rest if line is not None else None)
    planes = imaged.planes
    base = Draft(
        path="",
        content=b"",
        role="cube",
        profile=PROFILE,
        group=stem,
        observation=observation,
        unit="Jy/beam",
        quirks=style.quirks,
        corrections=style.corrections,
        redshift=observation.redshift,
        line=line.name if line is not None else None,
        planted=planted_line(planes) if line is not None else None,
    )
    yield replace(
        base,
        path=f"{stem}.image.pbcor.fits",
        content=_write(spec, style, planes.corrected),
        is_primary=True,
        noise=realised_noise(planes),
    )
    bare = replace(spec, unit=None, beam=None)
    frames = tuple(item for item in style.corrections if item.item != "BUNIT")
    other = replace(
        base,
        unit=None,
        corrections=frames,
        quirks=(*style.quirks, "no_beam", "no_unit"),
        redshift=None,
        line=None,
        planted=None,
    )
    response = np.where(planes.primary_beam >= PB_LIMIT, planes.primary_beam, np.nan)
    repeated = np.repeat(response[None], imaged.axis.channels, axis=0)
    yield replace(
        other, path=f"{stem}.{style.pb_name}.fits", content=_write(bare, style, repeated), role="pb"
    )
    uncorrected = np.where(planes.valid, planes.observed, np.nan)
    yield replace(
        base,
        path=f"{stem}.image.fits",
        content=_write(spec, style, uncorrected),
        noise=realised_noise(planes, False),
        planted=planted_line(planes, False) if line is not None else None,
    )


def _continuum_set(
    rng: np.random.Generator, observation: Observation, field: Field, style: Style, stem: str
) -> Iterator[Draft]:
    first = observation.windows[0]
    wide = Window("", first.centre + 2e9, 1.875e9, 1)
    imaged = image_window(
        rng, observation, wide, field, specsys=style.specsys, frame=style.frame, channels=1, depth=9.0
    )
    spec = _spec(observation, field, imaged, style, None)
    yield Draft(
        path=f"{stem}.image.pbcor.fits",
        content=_write(spec, style, imaged.planes.corrected),
        role="image",
        profile=PROFILE,
        group=stem,
        is_primary=True,
        observation=observation,
        unit="Jy/beam",
        quirks=(*style.quirks, "no_rest_frequency"),
        corrections=style.corrections,
        noise=realised_noise(imaged.planes),
    )


def files(seed: int, plan: Plan) -> Iterator[Draft]:
    """Product sets of the Cycle 0 observations in turn."""
    for number, observation in zip(count(), plan.cycle_zero, strict=False):
        rng = np.random.default_rng([seed, number])
        style = STYLES[number % len(STYLES)]
        radesys = "FK5" if style.written_in == "fk5" else "ICRS"
        field = lay_out(rng, observation, radesys=radesys, written_in=style.written_in, limit=64)
        line = observation.windows[0].line
        name = observation.object_name.replace(" ", "_")
        product = f"{observation.directory}/product/{name}"
        yield from _line_set(
            rng, observation, field, style, f"{product}_{line.tag.upper() if line else 'line'}"
        )
        yield from _continuum_set(rng, observation, field, style, f"{product}_cont")
