"""What was observed: member OUS with their windows, beams and times, planned from a seed before a file is
written.

Files and archive rows are both made from these plans, independently of each other: an observation holds
physical values only (barycentric frequencies, arcsec, MJD).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vo_service.sample.fitsfile import Beam
from vo_service.sample.frames import barycentric_factor
from vo_service.sample.lines import SPEED_OF_LIGHT, Line, receiver_band
from vo_service.sample.projects import Project, propose
from vo_service.sample.sources import M83, SOURCES, Source

DISHES = {"12m": 12.0, "7m": 7.0}


@dataclass(frozen=True, slots=True)
class Window:
    """A spectral window: ``centre`` and channel width ``step`` in Hz (barycentric), label as the correlator
    has it.
    """

    label: str
    centre: float
    step: float
    channels: int
    line: Line | None = None

    @property
    def f_min(self) -> float:
        """Lower edge in Hz."""
        return self.centre - 0.5 * self.channels * self.step

    @property
    def f_max(self) -> float:
        """Upper edge in Hz."""
        return self.centre + 0.5 * self.channels * self.step


@dataclass(frozen=True, slots=True)
class Observation:
    """One member OUS and its science target.

    ``object_name`` is what the files call the target, ``archive_name`` what the archive does; ``redshift``
    is barycentric; ``beam`` in arcsec and degrees; ``start`` and ``end`` MJD; ``exposure`` in s; ``noise``
    the rms of a channel in Jy/beam; ``group_uid`` is None in Cycle 0.
    """

    project: Project
    science_goal_uid: str
    group_uid: str | None
    member_uid: str
    asdm_uid: str
    source: Source
    object_name: str
    archive_name: str
    redshift: float
    windows: tuple[Window, ...]
    beam: Beam
    array: str
    start: float
    end: float
    exposure: float
    noise: float
    mosaic: bool
    antennas: tuple[str, ...]
    pwv: float
    intent: str = "sci"

    @property
    def directory(self) -> str:
        """Path of the member OUS below products/."""
        parts = [self.project.code, "science_goal." + uid_in_names(self.science_goal_uid)]
        if self.group_uid is not None:
            parts.append("group." + uid_in_names(self.group_uid))
        parts.append("member." + uid_in_names(self.member_uid))
        return "/".join(parts)

    @property
    def band(self) -> int:
        """Receiver band."""
        return receiver_band(self.windows[0].centre)

    def primary_beam_width(self, frequency: float) -> float:
        """FWHM of one antenna's beam in arcsec at ``frequency`` (Hz): 1.13 wavelengths over the diameter."""
        return math.degrees(1.13 * SPEED_OF_LIGHT / frequency / DISHES[self.array]) * 3600.0


@dataclass(frozen=True, slots=True)
class MemberSet:
    """A member OUS to deliver: its science target, its calibrators, and whether the full set is written."""

    science: Observation
    calibrators: tuple[Observation, ...] = ()
    full: bool = False


def uid_in_names(uid: str) -> str:
    """``uid://A001/X1/X2`` as file names have it: ``uid___A001_X1_X2``."""
    return uid.replace("://", "___").replace("/", "_")


def barycentric_redshift(source: Source) -> float:
    """Redshift of a source against the solar system's barycentre, from its velocity in its own frame."""
    factor = barycentric_factor(
        source.frame if source.frame == "LSRK" else "BARYCENT", source.ra, source.dec, None
    )
    return (1.0 + source.redshift) / factor - 1.0


_SIDEBANDS = (
    (0.0, 2.0, -14.0, -16.0),
    (0.0, -2.0, 14.0, 16.0),
    (0.0, -2.0, -12.0, -14.0),
    (0.0, -2.0, -4.0, -6.0),
)
_TUNING = {  # width of the line window in Hz and its channels; the other windows are 1.875 GHz wide
    "galaxy": (0.9375e9, 44),
    "disc": (58.59375e6, 48),
    "star": (117.1875e6, 40),
    "cloud": (58.59375e6, 36),
    "distant": (1.875e9, 36),
}


def tune(rng: np.random.Generator, source: Source, line: Line, labels: tuple[str, ...]) -> tuple[Window, ...]:
    """Four windows in one receiver band, the first around ``line`` at the redshift of ``source``."""
    width, channels = _TUNING[source.kind]
    sky = line.observed(barycentric_redshift(source)) + rng.uniform(-0.08, 0.08) * width
    band = receiver_band(sky)
    for offsets in _SIDEBANDS:
        centres = [sky + offset * 1e9 for offset in offsets]
        try:
            fits = all(
                receiver_band(centre + edge) == band for centre in centres for edge in (-0.95e9, 0.95e9)
            )
        except ValueError:
            fits = False
        if fits:
            break
    wide = 24
    windows = [Window(labels[0], centres[0], width / channels, channels, line)]
    windows += [
        Window(label, centre, 1.875e9 / wide, wide)
        for label, centre in zip(labels[1:], centres[1:], strict=True)
    ]
    return tuple(windows)


class Planner:
    """Makes observations from one random stream; uids are never given twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._used: set[int] = set()
        self._codes: set[str] = set()

    def uid(self, prefix: str) -> tuple[str, int]:
        """A new base of uids and the number it starts with."""
        while True:
            number = int(self._rng.integers(0x100, 0x3FFF))
            if number not in self._used:
                self._used.add(number)
                return f"uid://{prefix}/X{number:x}", int(self._rng.integers(0x10, 0xFF0))

    def _propose(self, source: Source, start: float, released: bool) -> Project:
        while True:
            project = propose(self._rng, source.kind, source.name.replace("_", " "), start, released)
            if project.code not in self._codes:
                self._codes.add(project.code)
                return project

    def observe(
        self,
        source: Source,
        line: Line,
        *,
        beam: float,
        released: bool = True,
        array: str = "12m",
        start: float | None = None,
        cycle_zero: bool = False,
        spelling: int | None = None,
        mosaic: bool = False,
    ) -> Observation:
        """An observation of ``source`` tuned to ``line`` with a beam of about ``beam`` arcsec."""
        rng = self._rng
        earliest, latest = (55850.0, 56250.0) if cycle_zero else (56800.0, 59600.0)
        begin = start if start is not None else float(rng.uniform(earliest, latest))
        begin = round(begin, 6)
        exposure = round(float(rng.uniform(600.0, 9000.0)), 3)
        end = round(begin + exposure * float(rng.uniform(1.3, 2.5)) / 86400.0, 6)
        base, first = self.uid("A002" if cycle_zero else "A001")
        label = int(rng.choice([16, 17, 19, 25]))
        labels = ("0", "1", "2", "3") if cycle_zero else tuple(str(label + 2 * i) for i in range(4))
        name = source.spellings[int(rng.integers(len(source.spellings))) if spelling is None else spelling]
        ratio = float(rng.uniform(0.7, 0.95))
        pads = rng.permutation(np.arange(1, 92))[: 10 if array == "7m" else 24]
        kinds = ("CM",) if array == "7m" else ("DA", "DV")
        antennas = tuple(
            f"{'J' if array == '7m' else 'A'}{pad:03d}:{kinds[i % len(kinds)]}{i + 1:02d}"
            for i, pad in enumerate(sorted(pads))
        )
        return Observation(
            project=self._propose(source, begin, released),
            science_goal_uid=f"{base}/X{first:x}",
            group_uid=None if cycle_zero else f"{base}/X{first + 1:x}",
            member_uid=f"{base}/X{first + 2:x}",
            asdm_uid=f"uid://A002/X{rng.integers(0x500000, 0xFFFFFF):x}/X{rng.integers(16, 9999):x}",
            source=source,
            object_name=name,
            archive_name=name,
            redshift=barycentric_redshift(source),
            windows=tune(rng, source, line, labels),
            beam=(
                beam / math.sqrt(ratio),
                beam * math.sqrt(ratio),
                round(float(rng.uniform(-89.0, 89.0)), 3),
            ),
            array=array,
            start=begin,
            end=end,
            exposure=exposure,
            noise=float(10.0 ** rng.uniform(-3.6, -2.4)),
            mosaic=mosaic,
            antennas=antennas,
            pwv=round(float(rng.uniform(0.2, 3.0)), 4),
        )

    def resolution(self) -> float:
        """A beam in arcsec as 12 m arrays have them."""
        return float(10.0 ** self._rng.uniform(-0.5, 0.3))

    def m83_campaign(self) -> list[Observation]:
        """M83 as several teams have observed it: CO(2-1) fine and coarse, public and not, and other lines."""
        co21, co10, co32 = M83.observable()
        return [
            self.observe(M83, co21, beam=0.62, spelling=0),
            self.observe(M83, co21, beam=0.48, spelling=1, released=False),
            self.observe(M83, co21, beam=0.85, spelling=1, mosaic=True),
            self.observe(M83, co10, beam=0.90, spelling=0),
            self.observe(M83, co21, beam=5.60, spelling=2, array="7m"),
            self.observe(M83, co32, beam=0.33, spelling=3),
            self.observe(M83, co21, beam=0.27, spelling=4, released=False),
            self.observe(M83, co21, beam=0.94, spelling=0),
        ]

    def others(self, count: int) -> list[Observation]:
        """Observations of the other sources in turn; the eighth of each ten is not released."""
        made: list[Observation] = []
        for index in range(count):
            source = SOURCES[index % len(SOURCES)]
            lines = source.observable()
            line = lines[int(self._rng.integers(len(lines)))]
            compact = bool(self._rng.random() < 0.15)
            beam = (
                float(self._rng.uniform(3.5, 5.5))
                if compact
                else float(10.0 ** self._rng.uniform(-0.6, 0.25))
            )
            made.append(
                self.observe(
                    source,
                    line,
                    beam=beam,
                    released=index % 10 != 7,
                    array="7m" if compact else "12m",
                    mosaic=source.kind in ("galaxy", "cloud") and bool(self._rng.random() < 0.3),
                )
            )
        return made
