"""Files with one thing wrong with each, as they turn up in any large collection.

Failed in truth (state, class): cut off (truncated), CDELT1 = 0 (bad_wcs), NAXIS = 0 with the WCS kept
(no_pixels), a web page called .fits.gz (not_gzip), a text called .fits (not_fits). Their role is
``unknown`` and not judged. The rest can be read and is ``ok``: image in the second extension, byte outside
ASCII in OBJECT, RESTFRQ of another line, all NaN, the same pixels twice, TAN written on pixels that are
SIN, colons in the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vo_service.sample.drafts import Correction, Draft, Noise, realised_noise
from vo_service.sample.fitsfile import empty_primary, extension_bytes, image_bytes
from vo_service.sample.headers import HeaderText, ImageHeader, build_header
from vo_service.sample.images import Array
from vo_service.sample.imaging import image_window, lay_out, observing_date, written_date
from vo_service.sample.lines import LINES
from vo_service.sample.observations import Observation
from vo_service.sample.profiles.plan import Plan

PROFILE = "broken"
FOLDER = "contributed/attic"


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound small continuum image that is then damaged."""

    observation: Observation
    number: int
    spec: ImageHeader
    pixels: Array
    noise: Noise

    @property
    def stem(self) -> str:
        """Path without what follows the target's name."""
        return f"{FOLDER}/{self.observation.object_name.replace(' ', '_')}_{self.number}"

    def header(self) -> HeaderText:
        """The undamaged header."""
        return build_header(self.spec)

    def draft(self, path: str, content: bytes, *quirks: str) -> Draft:
        """A file that can be read."""
        return Draft(
            path=path,
            content=content,
            role="image",
            profile=PROFILE,
            group=path,
            is_primary=True,
            target_name=self.spec.target,
            unit=self.spec.unit,
            quirks=quirks,
            noise=self.noise,
        )

    def failed(self, path: str, content: bytes, error_class: str, quirk: str) -> Draft:
        """A file that cannot."""
        return Draft(
            path=path,
            content=content,
            role="unknown",
            profile=PROFILE,
            state="failed",
            error_class=error_class,
            quirks=(quirk,),
        )


def _sound(rng: np.random.Generator, observation: Observation, number: int) -> Sound:
    field = lay_out(rng, observation, limit=64)
    window = replace(observation.windows[1], line=None)
    imaged = image_window(rng, observation, window, field, channels=1, depth=9.0)
    spec = ImageHeader(
        target=observation.object_name,
        grid=field.grid,
        spectral=imaged.axis,
        date=observing_date(observation),
        origin="CASA 5.1.1-5",
        beam=imaged.beams[0],
        rest=float(round(window.centre, -6)),
        written=written_date(observation),
    )
    return Sound(observation, number, spec, imaged.planes.corrected[None], realised_noise(imaged.planes))


def _truncated(sound: Sound) -> Iterator[Draft]:
    whole = image_bytes(sound.header(), sound.pixels)
    yield sound.failed(
        f"{sound.stem}.image.pbcor.fits", whole[: len(whole) * 6 // 10], "truncated", "truncated"
    )


def _second_extension(sound: Sound) -> Iterator[Draft]:
    content = empty_primary() + extension_bytes(sound.header(), sound.pixels, "SCI")
    path = f"{sound.stem}.mef.image.pbcor.fits"
    yield replace(sound.draft(path, content, "image_in_extension"), notes={"hdu": 1})


def _zero_cdelt(sound: Sound) -> Iterator[Draft]:
    header = sound.header()
    header.put("CDELT1", 0.0)
    yield sound.failed(
        f"{sound.stem}.cont.image.fits", image_bytes(header, sound.pixels), "bad_wcs", "zero_cdelt"
    )


def _non_ascii(sound: Sound) -> Iterator[Draft]:
    name = "Señal " + str(sound.number)
    header = sound.header()
    header.put("OBJECT", name)  # written as Latin-1, which FITS forbids
    path = f"{FOLDER}/senal_{sound.number}.image.pbcor.fits"
    yield replace(sound.draft(path, image_bytes(header, sound.pixels), "non_ascii_object"), target_name=name)


def _not_gzip(sound: Sound) -> Iterator[Draft]:
    page = b"<!DOCTYPE html><html><body><h1>503 Service Unavailable</h1></body></html>\n" * 40
    yield sound.failed(f"{sound.stem}.pb.fits.gz", page, "not_gzip", "gz_that_is_no_gzip")


def _other_line(sound: Sound) -> Iterator[Draft]:
    """The rest frequency lies far below the axis, so no redshift makes it this line's."""
    wrong = 0.47 * sound.spec.rest if sound.spec.rest is not None else 0.0
    rest = min((line.rest for line in LINES.values()), key=lambda frequency: abs(frequency - wrong))
    header = sound.header()
    header.put("RESTFRQ", rest, "Rest Frequency (Hz)")
    yield replace(
        sound.draft(
            f"{sound.stem}.line.image.pbcor.fits", image_bytes(header, sound.pixels), "rest_of_another_line"
        ),
        rest_known=False,
        corrections=(Correction("RESTFRQ", f"{rest:.12E}", None),),
    )


def _no_pixels(sound: Sound) -> Iterator[Draft]:
    header = sound.header()
    header.put("NAXIS", 0)
    header.drop("NAXIS1", "NAXIS2", "NAXIS3", "NAXIS4")
    yield sound.failed(f"{sound.stem}.header.fits", header.to_bytes(), "no_pixels", "naxis_0_with_wcs")


def _twins(sound: Sound) -> Iterator[Draft]:
    """The same pixels twice, then once more with a projection written that they do not have."""
    path = f"{sound.stem}.twin.image.pbcor.fits"
    yield sound.draft(path, image_bytes(sound.header(), sound.pixels))
    later = sound.header()
    later.put("DATE", "2022-06-01T12:00:00.000000", "Date FITS file was written")
    copy = f"{FOLDER}/copies/{path.rpartition('/')[2]}"
    yield replace(
        sound.draft(copy, image_bytes(later, sound.pixels), "duplicate_pixels"), notes={"duplicate_of": path}
    )
    label = sound.header()
    label.put("CTYPE1", "RA---TAN")
    label.put("CTYPE2", "DEC--TAN")
    wrong = f"{sound.stem}.twin.image.pbcor.tanlabel.fits"
    yield replace(
        sound.draft(wrong, image_bytes(label, sound.pixels), "wrong_projection", "duplicate_pixels"),
        notes={"duplicate_of": path},
    )


def _not_fits(sound: Sound) -> Iterator[Draft]:
    text = b"# offsets and fluxes, not an image\n0.0 0.0 1.25\n0.5 -0.5 0.75\n" * 60
    yield sound.failed(f"{sound.stem}.table.fits", text, "not_fits", "text_called_fits")


def _all_nan(sound: Sound) -> Iterator[Draft]:
    content = image_bytes(sound.header(), np.full_like(sound.pixels, np.nan))
    yield replace(sound.draft(f"{sound.stem}.empty.image.pbcor.fits", content, "all_nan"), noise=None)


def _colons(sound: Sound) -> Iterator[Draft]:
    """A snapshot of the Sun (its place at that minute), brightness temperature, colons in the name."""
    grid = replace(sound.spec.grid, ra=30.327537, dec=12.346717)
    date = "2017-04-22T17:20:13.000000"
    spec = replace(sound.spec, target="Sun", unit="K", grid=grid, date=date)
    path = f"{FOLDER}/solar.b3.2017-04-22-17:20:13.s{sound.number}.sip.level3.image.pbcor.in_K.fits"
    content = image_bytes(build_header(spec), sound.pixels * 1e6 + 7300.0)
    noise = replace(
        sound.noise,
        rms=sound.noise.rms * 1e6,
        robust=sound.noise.robust * 1e6,
        flat=sound.noise.flat * 1e6,
        channels=tuple(value * 1e6 for value in sound.noise.channels),
        off_source=sound.noise.off_source * 1e6 if sound.noise.off_source is not None else None,
    )
    yield replace(
        sound.draft(path, content, "colons_in_name", "kelvin"), target_name="Sun", unit="K", noise=noise
    )


_DAMAGES: tuple[Callable[[Sound], Iterator[Draft]], ...] = (
    _truncated,
    _second_extension,
    _twins,
    _zero_cdelt,
    _not_gzip,
    _no_pixels,
    _non_ascii,
    _other_line,
    _not_fits,
    _all_nan,
    _colons,
)


def files(seed: int, plan: Plan) -> Iterator[Draft]:
    """One kind of damage per observation of the pool, in turn."""
    for number, observation in enumerate(plan.broken):
        yield from _DAMAGES[number % len(_DAMAGES)](
            _sound(np.random.default_rng([seed, number]), observation, number)
        )
