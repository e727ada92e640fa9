"""The product set of a member OUS as the ALMA imaging pipeline delivers it.

Names are ``member.uid___A001_Xa_Xb.TARGET_sci.spw25.cube.I.pbcor.fits`` and so on; blanks in a target become
``_`` and plus signs ``p``. Each line below is one group; the first file is its primary:

* cube of a window: pbcor, pb (gz), mask;
* multi-frequency image of a window (``mfs``): pbcor, pb (gz), mask; a group of its own with role image;
* continuum of all windows: tt0.pbcor, pb.tt0, mask; tt1 (role derived) and alpha are data sets of their own
  whose parent is the continuum group;
* calibrators (``_bp``, ``_ph``, ``_chk``): mfs image of one window and its pb.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_service.sample.drafts import Draft, planted_line, realised_noise
from vo_service.sample.fitsfile import beams_extension, compress, image_bytes
from vo_service.sample.headers import HeaderText, ImageHeader, build_header
from vo_service.sample.images import PB_LIMIT
from vo_service.sample.imaging import Field, Imaged, image_window, lay_out, observing_date, written_date
from vo_service.sample.observations import MemberSet, Observation, Window, uid_in_names
from vo_service.sample.profiles.plan import Plan

PROFILE = "pipeline"
_RELEASES = ("CASA 5.4.0-70", "CASA 5.6.1-8", "CASA 6.1.1-15", "CASA 6.4.1-12")


def name_in_files(target: str) -> str:
    """A target's name as the pipeline writes it into file names."""
    return target.replace(" ", "_").replace("+", "p")


def _stem(observation: Observation, middle: str) -> str:
    member = uid_in_names(observation.member_uid)
    target = name_in_files(observation.object_name)
    return f"{observation.directory}/product/member.{member}.{target}_{observation.intent}.{middle}"


def _header(
    observation: Observation, field: Field, imaged: Imaged, origin: str, line_rest: float | None
) -> ImageHeader:
    return ImageHeader(
        target=observation.object_name,
        grid=field.grid,
        spectral=imaged.axis,
        date=observing_date(observation),
        origin=origin,
        beam=imaged.beams[0] if len(imaged.beams) == 1 else None,
        beams_table=len(imaged.beams) > 1,
        rest=line_rest,
        observer=observation.project.pi_name.split(",")[0].lower().encode("ascii", "ignore").decode()
        or "unknown",
        written=written_date(observation),
    )


def _log(header: HeaderText, observation: Observation, task: str) -> HeaderText:
    header.history += [
        f"taskname={task}",
        f"version: {header.cards['ORIGIN'][11:30].strip()} pipeline",
        f'vis = "{uid_in_names(observation.asdm_uid)}_target.ms"',
        f'field = "{observation.object_name}"',
        "weighting = briggs robust = 0.5 deconvolver = hogbom",
    ]
    return header


def _file(header: HeaderText, planes: NDArray[np.generic], beams: list[tuple[float, float, float]]) -> bytes:
    content = image_bytes(header, planes[None] if planes.ndim == 3 else planes)
    return content + beams_extension(beams) if len(beams) > 1 else content


def _companion(header: ImageHeader, **changes: object) -> HeaderText:
    bare = replace(header, unit=None, beam=None, beams_table=False, **changes)  # type: ignore[arg-type]
    return build_header(bare)


def _image_set(
    observation: Observation,
    stem: str,
    header: ImageHeader,
    imaged: Imaged,
    *,
    role: str,
    windows: tuple[str, ...],
    line: str | None,
    mask: bool = True,
) -> Iterator[Draft]:
    """pbcor, pb and mask of one image or cube, in this order."""
    planes = imaged.planes
    facts = {"profile": PROFILE, "group": stem, "observation": observation, "windows": windows}
    multi = len(imaged.beams) > 1
    yield Draft(
        path=f"{stem}.pbcor.fits",
        content=_file(_log(build_header(header), observation, "tclean"), planes.corrected, imaged.beams),
        role=role,
        is_primary=True,
        unit="Jy/beam",
        quirks=("beams_table",) if multi else (),
        noise=realised_noise(planes),
        redshift=observation.redshift if line else None,
        line=line,
        planted=planted_line(planes) if line else None,
        **facts,  # type: ignore[arg-type]
    )
    response = np.where(planes.primary_beam >= PB_LIMIT, planes.primary_beam, np.nan)
    beam_planes = np.repeat(response[None], imaged.axis.channels, axis=0)
    pb_header = _log(_companion(header), observation, "tclean")
    yield Draft(
        path=f"{stem}.pb.fits.gz",
        content=compress(_file(pb_header, beam_planes, [])),
        role="pb",
        quirks=("gzip", "no_beam", "no_unit"),
        **facts,  # type: ignore[arg-type]
    )
    if mask:
        yield Draft(
            path=f"{stem}.mask.fits",
            content=_file(_companion(header), planes.mask.astype(np.float32), []),
            role="mask",
            quirks=("no_beam", "no_unit"),
            **facts,  # type: ignore[arg-type]
        )


def _window_products(
    rng: np.random.Generator,
    observation: Observation,
    window: Window,
    field: Field,
    origin: str,
    *,
    cube: bool,
) -> Iterator[Draft]:
    varying = cube and bool(rng.random() < 0.5)
    imaged = image_window(
        rng,
        observation,
        window,
        field,
        varying=varying,
        falling=bool(rng.random() < 0.5),
        channels=0 if cube else 1,
        depth=1.0 if cube else float(np.sqrt(window.channels)),
    )
    rest = window.line.rest if window.line is not None else float(round(window.centre, -6))
    header = _header(observation, field, imaged, origin, rest)
    kind = "cube" if cube else "mfs"
    yield from _image_set(
        observation,
        _stem(observation, f"spw{window.label}.{kind}.I"),
        header,
        imaged,
        role="cube" if cube else "image",
        windows=(window.label,),
        line=window.line.name if cube and window.line is not None else None,
        mask=observation.intent == "sci",
    )


def _continuum(
    rng: np.random.Generator, observation: Observation, field: Field, origin: str
) -> Iterator[Draft]:
    """Continuum of all windows: one channel as wide as all of them together with the gap between the
    sidebands.
    """
    low = min(window.f_min for window in observation.windows)
    high = max(window.f_max for window in observation.windows)
    labels = tuple(window.label for window in observation.windows)
    hull = Window("_".join(labels), 0.5 * (low + high), high - low, 1)
    imaged = image_window(rng, observation, hull, field, channels=1, depth=12.0)
    header = _header(observation, field, imaged, origin, None)
    stem = _stem(observation, f"spw{hull.label}.cont.I")
    beams = imaged.beams
    drafts = list(_image_set(observation, stem, header, imaged, role="image", windows=labels, line=None))
    primary, response, mask = drafts
    yield replace(primary, path=f"{stem}.tt0.pbcor.fits", quirks=("no_rest_frequency",))
    yield replace(response, path=f"{stem}.pb.tt0.fits.gz")
    yield mask
    facts = {
        "profile": PROFILE,
        "observation": observation,
        "windows": labels,
        "parent": stem,
        "is_primary": True,
    }
    planes = imaged.planes
    slope = float(rng.uniform(1.8, 3.6))
    yield Draft(
        path=f"{stem}.alpha.fits",
        content=_file(build_header(replace(header, unit=None)), np.where(planes.mask, slope, np.nan), beams),
        role="alpha",
        group=f"{stem}.alpha",
        quirks=("no_unit",),
        **facts,  # type: ignore[arg-type]
    )
    yield Draft(
        path=f"{stem}.tt1.pbcor.fits",
        content=_file(build_header(header), planes.corrected * slope, beams),
        role="derived",
        group=f"{stem}.tt1",
        unit="Jy/beam",
        **facts,  # type: ignore[arg-type]
    )


def _polarised(
    rng: np.random.Generator, observation: Observation, field: Field, origin: str
) -> Iterator[Draft]:
    """Full Stokes continuum of the second window: four planes on the STOKES axis."""
    window = observation.windows[1]
    shares = (1.0, 0.06, 0.03, 0.0)
    images = [
        image_window(rng, observation, replace(window, line=None), field, channels=1, depth=10.0)
        for _ in shares
    ]
    planes = np.stack(
        [
            image.planes.corrected - (1.0 - share) * image.planes.signal / image.planes.primary_beam
            for share, image in zip(shares, images, strict=True)
        ]
    )
    header = replace(_header(observation, field, images[0], origin, None), stokes=(1, 4))
    stem = _stem(observation, f"spw{window.label}.mfs.IQUV")
    yield Draft(
        path=f"{stem}.pbcor.fits",
        content=_file(build_header(header), planes, []),
        role="image",
        profile=PROFILE,
        group=stem,
        is_primary=True,
        observation=observation,
        windows=(window.label,),
        unit="Jy/beam",
        quirks=("full_stokes", "no_rest_frequency"),
        noise=realised_noise(images[0].planes),
    )


def member_files(rng: np.random.Generator, member: MemberSet) -> Iterator[Draft]:
    """All products of a member OUS, primaries before their companions."""
    science = member.science
    origin = str(rng.choice(_RELEASES))
    field = lay_out(rng, science, limit=88)
    windows = science.windows
    yield from _window_products(rng, science, windows[0], field, origin, cube=True)
    if member.full:
        yield from _continuum(rng, science, field, origin)
    yield from _window_products(rng, science, windows[0], field, origin, cube=False)
    if not member.full:
        return
    yield from _window_products(rng, science, windows[2], field, origin, cube=True)
    for calibrator in member.calibrators:
        target = lay_out(rng, calibrator, limit=64)
        yield from _window_products(rng, calibrator, windows[0], target, origin, cube=False)
    if int(science.windows[0].label) == 17:
        yield from _polarised(rng, science, field, origin)


def files(seed: int, plan: Plan) -> Iterator[Draft]:
    """Product sets of the planned member OUS in turn."""
    for number, member in enumerate(plan.members):
        yield from member_files(np.random.default_rng([seed, number]), member)
