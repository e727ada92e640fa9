"""Deliverables of large surveys: combined arrays, brightness temperature on a velocity axis, maps made of
cubes.

Two kinds take turns. Nearby galaxies: ``ngcNNNN_12m+7m+tp_co21.fits`` (K, VRAD, three axes) with coverage
(role weight) and strictmask (role mask) in its group; noise cube (role error), moments, peak and width are
data sets of their own with that parent. Young clusters: two-axis continuum
``NNNNNN_cont_7MTM2TM1_jointdeconv.image.pbcor.fits`` with its pb. No uid anywhere; the project code stands
in the path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from vo_service.sample.drafts import Correction, Draft, planted_line, realised_noise
from vo_service.sample.fitsfile import image_bytes
from vo_service.sample.headers import ImageHeader, SpectralAxis, build_header
from vo_service.sample.images import PB_LIMIT, Exposed
from vo_service.sample.imaging import image_window, lay_out, written_date
from vo_service.sample.lines import SPEED_OF_LIGHT
from vo_service.sample.observations import Observation
from vo_service.sample.profiles.plan import Plan

PROFILE = "survey"
GALAXY_CODE = "2017.1.09001.L"  # invented, as are all codes of the sample
CLUSTER_CODE = "2019.1.09002.L"


def radio_velocity(axis: SpectralAxis, rest: float) -> SpectralAxis:
    """The same channels on an axis of radio velocity in m/s."""
    first = SPEED_OF_LIGHT * (1.0 - axis.value / rest)
    return replace(axis, value=first, step=-SPEED_OF_LIGHT * axis.step / rest, ctype="VRAD")


def _maps(
    cube: NDArray[np.float64], mask: NDArray[np.bool_], velocity: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Integrated intensity (K km/s), mean velocity and width (km/s), peak (K) over the masked voxels."""
    step = abs(velocity[1] - velocity[0]) / 1000.0
    inside = np.where(mask, cube, 0.0)
    total = inside.sum(axis=0)
    empty = ~mask.any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (inside * velocity[:, None, None]).sum(axis=0) / total / 1000.0
        spread = np.sqrt(
            np.abs((inside * (velocity[:, None, None] / 1000.0 - mean) ** 2).sum(axis=0) / total)
        )
    peak = np.where(np.isfinite(cube), cube, -np.inf).max(axis=0)
    maps = {
        "mom0": total * step,
        "mom1": mean,
        "ew": spread,
        "tpeak": np.where(np.isfinite(peak), peak, np.nan),
    }
    outside = ~np.isfinite(cube).any(axis=0)
    return {
        name: np.where(outside if name == "tpeak" else empty, np.nan, plane) for name, plane in maps.items()
    }


def _galaxy(rng: np.random.Generator, observation: Observation) -> Iterator[Draft]:
    field = lay_out(rng, observation, limit=64)
    window = observation.windows[0]
    line = window.line
    if line is None:
        raise ValueError("a survey cube needs a line")
    warm = replace(observation, noise=0.06)  # kelvin
    imaged = image_window(rng, warm, window, field, falling=True)
    planes = imaged.planes
    axis = radio_velocity(imaged.axis, line.rest)
    size = float(np.sqrt(observation.beam[0] * observation.beam[1]))
    target = observation.source.name
    stem = f"{GALAXY_CODE}/external/galaxies/{target.lower()}/{target.lower()}_12m+7m+tp_{line.tag}"
    spec = ImageHeader(
        target=target,
        grid=field.grid,
        spectral=axis,
        date=None,
        origin="CASA 5.6.1-8",
        unit="K",
        beam=(size, size, 0.0),
        rest=line.rest,
        axes=3,
        written=written_date(observation),
    )
    base = Draft(
        path="",
        content=b"",
        role="cube",
        profile=PROFILE,
        group=stem,
        project_code=GALAXY_CODE,
        target_name=target,
        quirks=("velocity_axis", "kelvin", "plus_in_name", "no_date_obs"),
    )
    yield replace(
        base,
        path=f"{stem}.fits",
        content=image_bytes(build_header(spec), planes.corrected),
        is_primary=True,
        unit="K",
        noise=realised_noise(planes),
        redshift=observation.redshift,
        line=line.name,
        planted=planted_line(planes),
    )
    velocity: NDArray[np.float64] = axis.value + axis.step * np.arange(axis.channels, dtype=float)
    maps = _maps(planes.corrected, planes.mask, velocity)
    flat = replace(spec, axes=2, spectral=replace(axis, channels=1))
    yield from _map_files(flat, base, maps)
    yield from _weights(spec, base, planes)


def _map_files(flat: ImageHeader, base: Draft, maps: Mapping[str, NDArray[np.float64]]) -> Iterator[Draft]:
    """Two-dimensional maps of a galaxy's cube, each a data set of its own."""
    stem = base.group
    spelled = {"K km s-1": "K.km/s", "km s-1": "km/s"}
    for name, role, unit in (
        ("strict_mom0", "moment0", "K km s-1"),
        ("broad_mom1", "moment1", "km s-1"),
        ("broad_tpeak", "peak", "K"),
        ("strict_ew", "width", "km s-1"),
    ):
        yield replace(
            base,
            path=f"{stem}_{name}.fits",
            role=role,
            group=f"{stem}_{name}",
            parent=stem,
            is_primary=True,
            content=image_bytes(build_header(replace(flat, unit=unit)), maps[name.rpartition("_")[2]]),
            unit=spelled.get(unit, unit),
            quirks=(*base.quirks, "two_axes"),
            corrections=(Correction("BUNIT", unit, spelled[unit]),) if unit in spelled else (),
        )


def _weights(spec: ImageHeader, base: Draft, planes: Exposed) -> Iterator[Draft]:
    """Mask, coverage and noise of a galaxy's cube, plane by plane."""
    stem = base.group
    channels = len(planes.mask)
    blank = replace(spec, unit="")
    inside = planes.mask.astype(np.uint8)
    yield replace(
        base,
        path=f"{stem}_strictmask.fits",
        role="mask",
        quirks=(*base.quirks, "blank_unit"),
        content=image_bytes(build_header(replace(blank, bitpix=8)), inside, 8),
    )
    coverage = np.repeat(np.where(planes.valid, 1.0, 0.0)[None], channels, axis=0)
    yield replace(
        base,
        path=f"{stem}_coverage.fits",
        role="weight",
        quirks=(*base.quirks, "blank_unit"),
        content=image_bytes(build_header(blank), coverage),
    )
    yield replace(
        base,
        path=f"{stem}_noise.fits",
        role="error",
        group=f"{stem}_noise",
        parent=stem,
        is_primary=True,
        unit="K",
        content=image_bytes(
            build_header(spec), np.repeat(np.where(planes.valid, 0.06, np.nan)[None], channels, 0)
        ),
    )


def _cluster(rng: np.random.Generator, observation: Observation) -> Iterator[Draft]:
    field = lay_out(rng, observation, limit=112)
    window = replace(observation.windows[2], line=None)
    imaged = image_window(rng, observation, window, field, channels=1, depth=12.0)
    target = str(100000 + int(rng.integers(1, 890000)))
    stem = f"{CLUSTER_CODE}/external/clusters/{target}_cont_7MTM2TM1_jointdeconv"
    spec = ImageHeader(
        target=target,
        grid=field.grid,
        spectral=imaged.axis,
        date=None,
        origin="CASA 5.6.1-8",
        beam=imaged.beams[0],
        axes=2,
        written=written_date(observation),
    )
    header = build_header(spec)
    header.drop("SPECSYS", "VELREF")
    header.history += [
        f"tclean major cycle {n} residual {0.5 / (n + 1):.6f} threshold 0.0005" for n in range(600)
    ]
    base = Draft(
        path="",
        content=b"",
        role="image",
        profile=PROFILE,
        group=stem,
        project_code=CLUSTER_CODE,
        target_name=target,
        quirks=("two_axes", "no_rest_frequency", "no_specsys", "long_history", "no_date_obs"),
    )
    yield replace(
        base,
        path=f"{stem}.image.pbcor.fits",
        content=image_bytes(header, imaged.planes.corrected[0]),
        is_primary=True,
        unit="Jy/beam",
        noise=realised_noise(imaged.planes),
    )
    pb = build_header(replace(spec, unit="", beam=None))
    pb.drop("SPECSYS", "VELREF")
    response = np.where(imaged.planes.primary_beam >= PB_LIMIT, imaged.planes.primary_beam, np.nan)
    yield replace(
        base,
        path=f"{stem}.pb.fits",
        role="pb",
        content=image_bytes(pb, response),
        quirks=(*base.quirks, "no_beam", "blank_unit"),
    )


def files(seed: int, plan: Plan) -> Iterator[Draft]:
    """Galaxies and clusters in turn."""
    for number, observation in zip(count(), plan.survey, strict=False):
        rng = np.random.default_rng([seed, number])
        if number % 2 == 0:
            yield from _galaxy(rng, observation)
        else:
            yield from _cluster(rng, observation)
