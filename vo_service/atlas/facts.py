"""What a tree says of its fields: the values of the properties that follow from rows of the holdings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from capabilities.records.coverage import wavebands
from vo_service.atlas.brightness import INTEGRATED_UNIT, UNIT
from vo_service.atlas.public_sets import PublicSet, Row
from vo_service.atlas.recipes import FamilyKey, Quantity, Recipe

_TITLES = {
    Quantity.CONTINUUM: "Continuum",
    Quantity.MOMENT0: "Integrated intensity",
    Quantity.PEAK: "Peak intensity",
}
_OF_QUANTITY = {
    Quantity.CONTINUUM: "Surface brightness of continuum images",
    Quantity.MOMENT0: "Surface brightness of spectral cubes, integrated over radio velocity",
    Quantity.PEAK: "Highest surface brightness of spectral cubes among their channels",
}
REGIME_OF: Mapping[tuple[str, ...], tuple[str, ...]] = {("JAO",): ("Millimeter",)}
"""Of observatories that see nothing else, where no row tells a wavelength."""
_HOW = (
    "Values of every unit are converted with the beam (of each channel, where a cube has several), the solid "
    "angle of a pixel, or by Rayleigh and Jeans' law. Where images overlap, those whose resolution is within "
    "1.5 of the finest are averaged, weighted by the inverse square of their noise and the square of their "
    "primary beam response where these are known. Images whose name does not say that they are corrected for "
    "the primary beam are divided by its response where there is one of the same pixels. Stokes I, or the "
    "parallel hands where that is all there is."
)


@dataclass(frozen=True, slots=True)
class Member:
    """A data set in a tree, by its dataset_id and its identifier for publication."""

    dataset_id: str
    did: str


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """Wavelengths are vacuum, in metres, at the barycentre; times MJD (UTC), the first and the last start or
    end that is known. What no row tells is None or empty; texts are sorted, each once. ``bands`` are receiver
    bands, ``regimes`` the words of obs_regime (HIPS-064), ``references`` bibcodes."""

    title: str
    description: str
    quantity: str
    unit: str
    line: str | None
    bands: tuple[str, ...]
    em_min: float | None
    em_max: float | None
    t_min: float | None
    t_max: float | None
    regimes: tuple[str, ...]
    collections: tuple[str, ...]
    facilities: tuple[str, ...]
    instruments: tuple[str, ...]
    proposals: tuple[str, ...]
    references: tuple[str, ...]
    members: tuple[Member, ...]


def facts_of(key: FamilyKey, sets: Iterable[tuple[PublicSet, Recipe]]) -> FamilyFacts:
    """Of a family with these data sets and what is taken of each."""
    found = sorted(sets, key=lambda one: one[0].dataset_id)
    rows = [one.row for one, _ in found]
    spans = [
        span for one, recipe in found if (span := recipe.wavelengths or _pair(one.row, "em_min", "em_max"))
    ]
    times = [row[name] for row in rows for name in ("t_min", "t_max") if row[name] is not None]
    collections, facilities = _words(rows, "obs_collection"), _words(rows, "facility_name")
    return FamilyFacts(
        title=_title(key, collections),
        description=f"{_OF_QUANTITY[key.quantity]}{_of_what(key)}. {_HOW}",
        quantity=key.quantity.value,
        unit=INTEGRATED_UNIT if key.quantity is Quantity.MOMENT0 else UNIT,
        line=key.line or None,
        bands=_split(rows, "band_list"),
        em_min=min((low for low, _ in spans), default=None),
        em_max=max((high for _, high in spans), default=None),
        t_min=min(times, default=None),
        t_max=max(times, default=None),
        regimes=tuple(wavebands(tuple(spans))) or REGIME_OF.get(facilities, ()),
        collections=collections,
        facilities=facilities,
        instruments=_words(rows, "instrument_name"),
        proposals=_words(rows, "proposal_id"),
        references=_split(rows, "bib_reference"),
        members=tuple(Member(one.dataset_id, one.row["obs_publisher_did"]) for one, _ in found),
    )


def _title(key: FamilyKey, collections: tuple[str, ...]) -> str:
    what = f"{_TITLES[key.quantity]}{_of_what(key)}"
    return f"{collections[0]}: {what[0].lower()}{what[1:]}" if len(collections) == 1 else what


def _of_what(key: FamilyKey) -> str:
    if key.line:
        return f" of {key.line}"
    if not key.bands:
        return ", receiver band unknown"
    bands = key.bands.split()
    return f", band{'s' if len(bands) > 1 else ''} {' and '.join(bands)}"


def _pair(row: Row, low: str, high: str) -> tuple[float, float] | None:
    return None if row[low] is None or row[high] is None else (row[low], row[high])


def _words(rows: Iterable[Row], column: str) -> tuple[str, ...]:
    return tuple(sorted({row[column] for row in rows if row[column]}))


def _split(rows: Iterable[Row], column: str) -> tuple[str, ...]:
    """The words of lists with blanks between."""
    return tuple(sorted({word for row in rows for word in (row[column] or "").split()}))
