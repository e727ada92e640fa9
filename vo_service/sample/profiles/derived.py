"""Images made by a PI with everything beside them: model, residual, psf and maps that keep their parent's
header.

The group is the corrected cube with model, residual and psf; every map is a data set of its own with that
parent. Three hands take turns: maps with two axes in km/s; maps that keep the degenerate axes, in m/s; maps
as Miriad writes them (``gausspk``, ``vcen``, ``fwhm``, ``efwhm``). Names tell the target and line, never a
spectral window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from vo_service.sample.drafts import Correction, Draft, planted_line, realised_noise
from vo_service.sample.fitsfile import image_bytes
from vo_service.sample.headers import HeaderText, ImageHeader, SpectralAxis, build_header
from vo_service.sample.images import beam_transfer
from vo_service.sample.imaging import (
    Field,
    Imaged,
    channel_frequencies,
    image_window,
    lay_out,
    observing_date,
    written_date,
)
from vo_service.sample.lines import SPEED_OF_LIGHT
from vo_service.sample.observations import Observation
from vo_service.sample.profiles.plan import Plan

PROFILE = "derived"


@dataclass(frozen=True, slots=True)
class Map:
    """A derived map: suffix of its name, role, unit as written and as parsed, and which plane it shows."""

    suffix: str
    role: str
    unit: str
    parsed: str
    plane: str


HANDS: tuple[tuple[Map, ...], ...] = (
    (
        Map("mom0", "moment0", "Jy/beam.km/s", "Jy.km.beam**-1.s**-1", "total"),
        Map("mom1", "moment1", "km/s", "km/s", "mean"),
        Map("mom2", "moment2", "km/s", "km/s", "spread"),
        Map("emom0", "error", "Jy/beam.km/s", "Jy.km.beam**-1.s**-1", "error"),
    ),
    (
        Map("mom0", "moment0", "Jy/beam.km/s", "Jy.km.beam**-1.s**-1", "total"),
        Map("v0", "moment1", "m/s", "m/s", "mean"),
        Map("dv0", "error", "m/s", "m/s", "error"),
        Map("tpeak", "peak", "Jy/beam", "Jy/beam", "peak"),
    ),
    (
        Map("gausspk", "peak", "Jy", "Jy", "peak"),
        Map("vcen", "moment1", "km/s", "km/s", "mean"),
        Map("fwhm", "width", "km/s", "km/s", "spread"),
        Map("efwhm", "error", "km/s", "km/s", "error"),
    ),
)

QUIRKS: tuple[tuple[str, ...], ...] = (
    ("two_axes", "no_telescope", "no_date_obs"),
    ("degenerate_axes",),
    ("two_axes", "miriad", "crota", "restfreq"),
)
"""What is odd in the maps of each hand."""


def _planes(
    cube: NDArray[np.float64], mask: NDArray[np.bool_], velocity: NDArray[np.float64], rms: float
) -> dict[str, NDArray[np.float64]]:
    """Maps in Jy/beam and m/s from a masked cube."""
    inside = np.where(mask, cube, 0.0)
    total = inside.sum(axis=0)
    empty = ~mask.any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (inside * velocity[:, None, None]).sum(axis=0) / total
        spread = np.sqrt(np.abs((inside * (velocity[:, None, None] - mean) ** 2).sum(axis=0) / total))
        error = spread * rms / inside.max(axis=0)
    planes = {"total": total, "mean": mean, "spread": spread, "error": error, "peak": inside.max(axis=0)}
    return {name: np.where(empty, np.nan, plane) for name, plane in planes.items()}


def _map_header(spec: ImageHeader, axis: SpectralAxis, entry: Map, hand: int) -> HeaderText:
    """The parent's header with the spectral axis dropped, collapsed, or rewritten in Miriad's manner."""
    if hand == 1:
        middle = axis.value + 0.5 * (axis.channels - 1) * axis.step
        collapsed = replace(axis, value=middle, step=axis.step * axis.channels, channels=1)
        return build_header(replace(spec, spectral=collapsed, unit=entry.unit))
    header = build_header(replace(spec, axes=2, spectral=replace(axis, channels=1), unit=entry.unit))
    if hand == 0:
        header.drop("TELESCOP", "INSTRUME", "DATE-OBS", "OBSERVER", "TIMESYS")
        return header
    header.rename("RESTFRQ", "RESTFREQ")
    header.drop(
        "RADESYS",
        "SPECSYS",
        "VELREF",
        "DATE-OBS",
        "CUNIT1",
        "CUNIT2",
        "LONPOLE",
        "LATPOLE",
        "PV2_1",
        "PV2_2",
        "TIMESYS",
        "INSTRUME",
        *(f"OBSGEO-{axis_name}" for axis_name in "XYZ"),
        *(f"PC{i}_{j}" for i in "12" for j in "12"),
    )
    header.put("CROTA2", 0.0)
    header.put("ORIGIN", "Miriad fits: CVS Revision 1.24")
    header.history += [f"GAUSFIT: spectrum {n} fitted" for n in range(430)]
    return header


@dataclass(frozen=True, slots=True)
class _Made:
    """What the files of one set share: the imaged window on its field, the header of the cube, what all
    drafts have, and the stem of their names."""

    field: Field
    imaged: Imaged
    spec: ImageHeader
    base: Draft
    stem: str


def _set(rng: np.random.Generator, observation: Observation, hand: int) -> Iterator[Draft]:
    field = lay_out(rng, observation, limit=64)
    window = observation.windows[0]
    if window.line is None:
        raise ValueError("derived maps need a line")
    imaged = image_window(rng, observation, window, field)
    target = observation.object_name.replace(" ", "_")
    stem = f"{observation.directory}/product/{target}.{window.line.tag.upper()}"
    spec = ImageHeader(
        target=observation.object_name,
        grid=field.grid,
        spectral=imaged.axis,
        date=observing_date(observation),
        origin="CASA 5.6.2-3",
        beam=imaged.beams[0],
        rest=window.line.rest,
        written=written_date(observation),
    )
    base = Draft(
        path="",
        content=b"",
        role="cube",
        profile=PROFILE,
        group=stem,
        observation=observation,
        unit="Jy/beam",
    )
    made = _Made(field, imaged, spec, base, stem)
    yield replace(
        base,
        path=f"{stem}.image.pbcor.fits",
        content=image_bytes(build_header(spec), imaged.planes.corrected[None]),
        is_primary=True,
        noise=realised_noise(imaged.planes),
        redshift=observation.redshift,
        line=window.line.name,
        planted=planted_line(imaged.planes),
    )
    velocity = (1.0 - channel_frequencies(imaged.axis) / window.line.rest) * SPEED_OF_LIGHT
    maps = _planes(imaged.planes.corrected, imaged.planes.mask, velocity, observation.noise)
    yield from _map_files(made, maps, hand)
    yield from _companions(made)


def _map_files(made: _Made, maps: Mapping[str, NDArray[np.float64]], hand: int) -> Iterator[Draft]:
    """The maps that one hand makes, each a data set of its own."""
    for entry in HANDS[hand]:
        plane = maps[entry.plane] / (1.0 if entry.unit == "m/s" or entry.plane == "peak" else 1000.0)
        name = f"{made.stem}.{entry.suffix}"
        yield replace(
            made.base,
            path=f"{name}.fits",
            role=entry.role,
            group=name,
            parent=made.stem,
            is_primary=True,
            unit=entry.parsed,
            corrections=()
            if entry.unit == entry.parsed
            else (Correction("BUNIT", entry.unit, entry.parsed),),
            content=image_bytes(
                _map_header(made.spec, made.imaged.axis, entry, hand),
                plane[None, None] if hand == 1 else plane,
            ),
            quirks=QUIRKS[hand],
        )


def _companions(made: _Made) -> Iterator[Draft]:
    """Model, residual and psf of the cube."""
    spec, base, stem, imaged = made.spec, made.base, made.stem, made.imaged
    planes = imaged.planes
    model = replace(spec, unit="Jy/pixel", beam=None)
    yield replace(
        base,
        path=f"{stem}.model.fits",
        role="model",
        unit="Jy/pixel",
        quirks=("no_beam",),
        content=image_bytes(build_header(model), np.where(planes.mask, planes.signal, 0.0)[None] * 0.02),
    )
    yield replace(
        base,
        path=f"{stem}.residual.fits",
        role="residual",
        noise=realised_noise(planes, corrected=False),
        content=image_bytes(build_header(spec), np.where(planes.valid, planes.noise, np.nan)[None]),
    )
    transfer = beam_transfer(made.field.grid.shape, made.field.grid.cell, imaged.beams[0])
    psf = np.fft.fftshift(np.fft.irfft2(transfer, s=made.field.grid.shape))
    repeated = np.repeat((psf / psf.max())[None], imaged.axis.channels, axis=0)
    yield replace(
        base,
        path=f"{stem}.psf.fits",
        role="psf",
        unit=None,
        quirks=("blank_unit",),
        content=image_bytes(build_header(replace(spec, unit="")), repeated[None]),
    )


def files(seed: int, plan: Plan) -> Iterator[Draft]:
    """Sets of the planned observations, the three hands in turn."""
    for number, observation in zip(count(), plan.derived, strict=False):
        yield from _set(np.random.default_rng([seed, number]), observation, number % len(HANDS))
