"""Files of other programs: Miriad, GILDAS, AIPS, bare WCS, and a barycentric cube. No project, no uid.

Each is a group of its own. What the headers leave open is null in the truth: no SPECSYS means no frame (but
VELO-LSR names one), no OBJECT no target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from vo_service.sample.drafts import Correction, Draft, planted_line, realised_noise
from vo_service.sample.fitsfile import image_bytes
from vo_service.sample.headers import HeaderText, ImageHeader, SpectralAxis, build_header
from vo_service.sample.imaging import Field, Imaged, image_window, lay_out, observing_date, written_date
from vo_service.sample.observations import Observation
from vo_service.sample.profiles.plan import Plan
from vo_service.sample.profiles.survey import radio_velocity

PROFILE = "foreign"
_CASA_ONLY = (
    "EXTEND",
    "BTYPE",
    "EQUINOX",
    "RADESYS",
    "LONPOLE",
    "LATPOLE",
    "PV2_1",
    "PV2_2",
    "VELREF",
    "TIMESYS",
    "INSTRUME",
    "OBSGEO-X",
    "OBSGEO-Y",
    "OBSGEO-Z",
    "OBSERVER",
    "CUNIT1",
    "CUNIT2",
    "CUNIT3",
    "CUNIT4",
)


def _strip(header: HeaderText) -> HeaderText:
    """Leave only what older programs write."""
    matrix = [name for name in header.cards if name.startswith("PC")]
    header.drop(*_CASA_ONLY, *matrix)
    header.history.clear()
    return header


def _spec(observation: Observation, field: Field, imaged: Imaged, axis: SpectralAxis | None) -> ImageHeader:
    line = observation.windows[0].line
    return ImageHeader(
        target=observation.object_name,
        grid=field.grid,
        spectral=axis,
        date=observing_date(observation),
        origin="CASA 4.7.2-REL (r39762)",
        beam=imaged.beams[0],
        rest=line.rest if line is not None else None,
        written=written_date(observation),
    )


def _rest(observation: Observation) -> float:
    line = observation.windows[0].line
    if line is None:
        raise ValueError("a line cube needs a line")
    return line.rest


def _draft(observation: Observation, path: str, role: str, imaged: Imaged) -> Draft:
    line = observation.windows[0].line
    in_cube = line is not None and role == "cube"
    return Draft(
        path=path,
        content=b"",
        role=role,
        profile=PROFILE,
        group=path,
        is_primary=True,
        target_name=observation.object_name,
        unit="Jy/beam",
        noise=realised_noise(imaged.planes),
        redshift=observation.redshift if in_cube else None,
        line=line.name if in_cube and line is not None else None,
        planted=planted_line(imaged.planes) if in_cube else None,
    )


def _miriad(rng: np.random.Generator, observation: Observation, number: int) -> Draft:
    """Cube on a VELO-LSR axis: RESTFREQ, CROTA2, EPOCH, upper-case unit, no DATE-OBS."""
    field = lay_out(rng, observation, limit=64, written_in="fk5")
    imaged = image_window(rng, observation, observation.windows[0], field, falling=True)
    axis = replace(radio_velocity(imaged.axis, _rest(observation)), ctype="VELO-LSR")
    header = _strip(build_header(replace(_spec(observation, field, imaged, axis), unit="JY/BEAM")))
    header.drop("SPECSYS", "DATE-OBS", "DATE")
    header.rename("RESTFRQ", "RESTFREQ")
    header.put("VELREF", 257)
    header.put("CROTA2", 0.0)
    header.put("EPOCH", 2000.0)
    header.put("ORIGIN", "Miriad fits: CVS Revision 1.24")
    header.history += [f"MIRIAD: clean cycle {n}" for n in range(60)]
    name = observation.object_name.lower().replace(" ", "")
    draft = _draft(observation, f"contributed/miriad/{name}.{number}.cm.fits", "cube", imaged)
    return replace(
        draft,
        content=image_bytes(header, imaged.planes.corrected[None]),
        quirks=(
            "miriad",
            "velo_lsr",
            "restfreq",
            "crota",
            "epoch",
            "no_radesys",
            "no_specsys",
            "no_date_obs",
            "upper_case_unit",
        ),
        corrections=(
            Correction("BUNIT", "JY/BEAM", "Jy/beam"),
            Correction("RADESYS", None, "FK5"),
            Correction("SPECSYS", None, "LSRK"),
        ),
    )


def _gildas(rng: np.random.Generator, observation: Observation, number: int) -> Draft:
    """Cube in main-beam kelvin on an ARC projection, the fourth axis without a name."""
    field = lay_out(rng, observation, limit=64, projection="ARC", written_in="fk5")
    imaged = image_window(rng, replace(observation, noise=0.08), observation.windows[0], field)
    axis = radio_velocity(imaged.axis, _rest(observation))
    header = _strip(
        build_header(replace(_spec(observation, field, imaged, axis), unit="K(Tmb)", matrix="CROTA"))
    )
    header.drop("TELESCOP", "DATE-OBS")
    header.rename("RESTFRQ", "RESTFREQ")
    header.put("CTYPE4", "        ")
    header.put("CRVAL4", 0.0)
    header.put("CRPIX4", 0.0)
    header.put("EQUINOX", 2000.0)
    line = observation.windows[0].line
    header.put("LINE", line.name if line is not None else "")
    header.put("ORIGIN", "GILDAS Consortium")
    name = observation.object_name.lower().replace(" ", "-")
    draft = _draft(
        observation, f"contributed/gildas/{name}-{line.tag if line else 'line'}-{number}.fits", "cube", imaged
    )
    return replace(
        draft,
        content=image_bytes(header, imaged.planes.corrected[None]),
        unit="K",
        quirks=(
            "gildas",
            "arc",
            "velocity_axis",
            "restfreq",
            "crota",
            "no_radesys",
            "blank_axis",
            "kelvin",
            "no_date_obs",
            "no_telescope",
        ),
        corrections=(Correction("BUNIT", "K(Tmb)", "K"), Correction("RADESYS", None, "FK5")),
    )


def _bare(rng: np.random.Generator, observation: Observation, number: int) -> Draft:
    """Two axes, TAN, and hardly a card beyond the WCS."""
    field = lay_out(rng, observation, limit=80, projection="TAN")
    window = replace(observation.windows[1], line=None)
    imaged = image_window(rng, observation, window, field, channels=1, depth=9.0)
    header = build_header(
        replace(_spec(observation, field, imaged, imaged.axis), axes=2, beam=None, unit=None, rest=None)
    )
    for keyword in list(header.cards):
        if keyword[:5] not in (
            "SIMPL",
            "BITPI",
            "NAXIS",
            "CTYPE",
            "CRVAL",
            "CRPIX",
            "CDELT",
            "CUNIT",
            "RADES",
        ):
            header.drop(keyword)
    header.history.clear()
    name = observation.object_name.replace(" ", "_")
    path = f"contributed/reprojected/reprojected_bare_{name}_{number}_cont.image.fits"
    return replace(
        _draft(observation, path, "image", imaged),
        content=image_bytes(header, imaged.planes.corrected[0]),
        unit=None,
        target_name="",
        quirks=("bare_wcs", "tan", "two_axes", "no_object", "no_unit", "no_beam", "no_date_obs"),
    )


def _barycentric(rng: np.random.Generator, observation: Observation, number: int) -> Draft:
    """A cube already shifted to the barycentre."""
    field = lay_out(rng, observation, limit=64)
    imaged = image_window(
        rng, observation, observation.windows[0], field, specsys="BARYCENT", frame="BARYCENT"
    )
    header = build_header(_spec(observation, field, imaged, imaged.axis))
    line = observation.windows[0].line
    name = f"{observation.object_name.replace(' ', '_')}_{line.tag if line else 'line'}_bary{number}"
    draft = _draft(observation, f"contributed/casa/{name}.image.pbcor.fits", "cube", imaged)
    return replace(draft, content=image_bytes(header, imaged.planes.corrected[None]), quirks=("barycentric",))


def _aips(rng: np.random.Generator, observation: Observation, number: int) -> Draft:
    """Continuum of AIPS: right ascension below zero, EPOCH, one polarisation, no frame for the frequency."""
    field = lay_out(rng, observation, limit=80, written_in="fk5")
    window = replace(observation.windows[1], line=None)
    imaged = image_window(rng, observation, window, field, specsys=None, channels=1, depth=9.0)
    spec = replace(
        _spec(observation, field, imaged, imaged.axis),
        rest=None,
        unit="JY/BEAM",
        stokes=(-5, 1),
        matrix="CROTA",
        grid=replace(field.grid, ra=field.grid.ra - 360.0),
    )
    header = _strip(build_header(spec))
    header.put("EPOCH", 2000.0)
    header.put("ORIGIN", "AIPS")
    header.put("NITER", 1000)
    header.history += [f"AIPS IMAGR BMAJ={imaged.beams[0][0] / 3600:.4E} cycle {n}" for n in range(40)]
    path = f"contributed/aips/{observation.object_name.replace(' ', '_').upper()}.ICL001.{number}.fits"
    return replace(
        _draft(observation, path, "image", imaged),
        content=image_bytes(header, imaged.planes.corrected[None]),
        quirks=(
            "aips",
            "epoch",
            "negative_ra",
            "xx",
            "crota",
            "no_radesys",
            "no_specsys",
            "upper_case_unit",
            "no_rest_frequency",
        ),
        corrections=(
            Correction("BUNIT", "JY/BEAM", "Jy/beam"),
            Correction("RADESYS", None, "FK5"),
            Correction("SPECSYS", None, None),
        ),
    )


_HANDS: tuple[Callable[[np.random.Generator, Observation, int], Draft], ...] = (
    _miriad,
    _gildas,
    _bare,
    _aips,
    _barycentric,
)


def files(seed: int, plan: Plan) -> Iterator[Draft]:
    """One file per observation of the pool, the programs in turn."""
    for number, observation in enumerate(plan.foreign):
        yield _HANDS[number % len(_HANDS)](np.random.default_rng([seed, number]), observation, number)
