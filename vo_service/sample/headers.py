"""FITS headers written card by card as literal text (FITS Standard 4.0, section 4.2).

Nothing here knows what a card means to a WCS library: the sample says what real programs write, and the truth
table is made by reading it back with astropy. ``build_header`` writes what CASA's exportfits writes; profiles
then take cards away, rename them or put others in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vo_service.sample.frames import ALMA_SITE

BLOCK = 2880
CARD = 80


def card(keyword: str, value: str | bool | int | float, comment: str = "", digits: int = 12) -> str:
    """One card of 80 characters. Floats are written with ``digits`` decimals in exponent form."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, int):
        text = f"{value:>20d}"
    elif isinstance(value, float):
        text = f"{value:>20.{digits}E}"
    else:
        quoted = value.replace("'", "''")
        text = f"'{quoted:<8}'"
    line = f"{keyword:<8}= {text}"
    if comment:
        line = f"{line:<30} /{comment}"
    if len(line) > CARD:
        raise ValueError(f"card does not fit 80 characters: {line}")
    return f"{line:<{CARD}}"


@dataclass(slots=True)
class HeaderText:
    """A header being written: cards by keyword in order, then COMMENT, then HISTORY lines."""

    cards: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    def put(self, keyword: str, value: str | bool | int | float, comment: str = "", digits: int = 12) -> None:
        """Write a card; one with this keyword keeps its place."""
        self.cards[keyword] = card(keyword, value, comment, digits)

    def drop(self, *keywords: str) -> None:
        """Take cards away; those that are not there are no mistake."""
        for keyword in keywords:
            self.cards.pop(keyword, None)

    def rename(self, old: str, new: str) -> None:
        """Give the card ``old`` the keyword ``new`` in the same place."""
        self.cards = {
            (new if key == old else key): (f"{new:<8}{text[8:]}" if key == old else text)
            for key, text in self.cards.items()
        }

    def copy(self) -> HeaderText:
        """An independent copy."""
        return HeaderText(dict(self.cards), list(self.comments), list(self.history))

    def to_bytes(self) -> bytes:
        """The header unit, END card and padding included. Text outside ASCII is written as Latin-1."""
        lines = list(self.cards.values())
        lines += [f"{'COMMENT ' + text:<80}"[:CARD] for text in self.comments]
        lines += [f"{'HISTORY ' + text:<80}"[:CARD] for text in self.history]
        lines.append(f"{'END':<80}")
        body = "".join(lines)
        return f"{body:<{-(-len(body) // BLOCK) * BLOCK}}".encode("latin-1")


@dataclass(frozen=True, slots=True)
class Grid:
    """Pixels on the sky: reference position in degrees (in ``radesys``), cell in arcsec, size in pixels."""

    ra: float
    dec: float
    cell: float
    nx: int
    ny: int
    projection: str = "SIN"
    radesys: str | None = "ICRS"

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) as numpy counts."""
        return self.ny, self.nx


@dataclass(frozen=True, slots=True)
class SpectralAxis:
    """Third axis: value and increment (Hz, m/s or m) at channel 1; frame ``specsys`` (None = card absent)."""

    value: float
    step: float
    channels: int
    specsys: str | None = "LSRK"
    ctype: str = "FREQ"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a CASA image says of itself. ``beam`` is (major, minor, angle) in arcsec, arcsec, degrees;
    ``matrix`` is how the identity rotation is spelled: PC1_1, PC01_01, PC001001, CROTA or none."""

    target: str
    grid: Grid
    spectral: SpectralAxis | None
    date: str | None
    origin: str
    unit: str | None = "Jy/beam"
    beam: tuple[float, float, float] | None = None
    rest: float | None = None
    stokes: tuple[int, int] = (1, 1)  # first code and how many
    axes: int = 4
    bitpix: int = -32
    beams_table: bool = False
    btype: str = "Intensity"
    matrix: str = "PC1_1"
    observer: str = "unknown"
    written: str = "2021-01-01T00:00:00.000000"


def _matrix(header: HeaderText, spec: ImageHeader) -> None:
    if spec.matrix == "CROTA":
        header.put("CROTA1", 0.0)
        header.put("CROTA2", 0.0)
        return
    styles = {"PC1_1": "PC{0}_{1}", "PC01_01": "PC{0:02d}_{1:02d}", "PC001001": "PC{0:03d}{1:03d}"}
    if spec.matrix not in styles:
        return
    for column in range(1, spec.axes + 1):
        for row in range(1, spec.axes + 1):
            header.put(styles[spec.matrix].format(row, column), 1.0 if row == column else 0.0)


def _axis(
    header: HeaderText, number: int, ctype: str, value: float, step: float, pixel: float, unit: str
) -> None:
    header.put(f"CTYPE{number}", ctype)
    header.put(f"CRVAL{number}", value)
    header.put(f"CDELT{number}", step)
    header.put(f"CRPIX{number}", pixel)
    header.put(f"CUNIT{number}", unit)


def _sky_axes(header: HeaderText, spec: ImageHeader) -> None:
    grid = spec.grid
    cell = grid.cell / 3600.0
    _axis(header, 1, f"RA---{grid.projection}", grid.ra, -cell, grid.nx // 2 + 1.0, "deg")
    _axis(header, 2, f"DEC--{grid.projection}", grid.dec, cell, grid.ny // 2 + 1.0, "deg")


def _other_axes(header: HeaderText, spec: ImageHeader) -> None:
    if spec.axes >= 3 and spec.spectral is not None:
        axis = spec.spectral
        unit = {"FREQ": "Hz", "AWAV": "m"}.get(axis.ctype, "m/s")
        _axis(header, 3, axis.ctype, axis.value, axis.step, 1.0, unit)
    if spec.axes >= 4:
        first = float(spec.stokes[0])
        _axis(header, 4, "STOKES", first, -1.0 if first < 0 else 1.0, 1.0, "")


def _frame(header: HeaderText, grid: Grid) -> None:
    if grid.radesys == "FK5":
        header.put("EQUINOX", 2000.0)
    if grid.radesys is not None:
        header.put("RADESYS", grid.radesys)
    header.put("LONPOLE", 180.0)
    header.put("LATPOLE", grid.dec)


def _beam(header: HeaderText, spec: ImageHeader) -> None:
    if spec.beam is not None and not spec.beams_table:
        header.put("BMAJ", spec.beam[0] / 3600.0)
        header.put("BMIN", spec.beam[1] / 3600.0)
        header.put("BPA", spec.beam[2])


def _spectral_frame(header: HeaderText, spec: ImageHeader) -> None:
    if spec.rest is not None:
        header.put("RESTFRQ", spec.rest, "Rest Frequency (Hz)")
    if spec.spectral is not None and spec.spectral.specsys is not None:
        header.put("SPECSYS", spec.spectral.specsys, "Spectral reference frame")
        code = {"LSRK": 257, "TOPOCENT": 259, "BARYCENT": 258}[spec.spectral.specsys]
        header.put("VELREF", code, "1 LSR, 2 HEL, 3 OBS, +256 Radio")


def build_header(spec: ImageHeader) -> HeaderText:
    """The cards of a primary image HDU in the order in which CASA writes them."""
    header = HeaderText()
    header.put("SIMPLE", True, "Standard FITS")
    header.put("BITPIX", spec.bitpix)
    header.put("NAXIS", spec.axes)
    channels = spec.spectral.channels if spec.spectral is not None else 1
    for number, length in enumerate((spec.grid.nx, spec.grid.ny, channels, spec.stokes[1])[: spec.axes], 1):
        header.put(f"NAXIS{number}", length)
    header.put("EXTEND", True)
    header.put("BSCALE", 1.0, "PHYSICAL = PIXEL*BSCALE + BZERO")
    header.put("BZERO", 0.0)
    _beam(header, spec)
    header.put("BTYPE", spec.btype)
    header.put("OBJECT", spec.target)
    if spec.unit is not None:
        header.put("BUNIT", spec.unit, "Brightness (pixel) unit")
    _frame(header, spec.grid)
    _matrix(header, spec)
    _sky_axes(header, spec)
    _other_axes(header, spec)
    header.put("PV2_1", 0.0)
    header.put("PV2_2", 0.0)
    _spectral_frame(header, spec)
    header.put("TELESCOP", "ALMA")
    header.put("OBSERVER", spec.observer)
    if spec.date is not None:
        header.put("DATE-OBS", spec.date)
    header.put("TIMESYS", "UTC")
    for axis, metres in zip("XYZ", ALMA_SITE, strict=True):
        header.put(f"OBSGEO-{axis}", metres)
    header.put("INSTRUME", "ALMA")
    if spec.beams_table:
        header.put("CASAMBM", True, "CASA multiple BEAMS table present")
    header.put("DATE", spec.written, "Date FITS file was written")
    header.put("ORIGIN", spec.origin)
    header.history.append("CASA START LOGTABLE")
    return header
