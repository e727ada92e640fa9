"""What each row of an uploaded table asks for, as the parameters of a request would ask for it.

A row says what its columns hold; of what it does not say the parameters of the request hold for it. Null, NaN
and blank are nothing. What is wrong with a row is told with it, and costs the other rows nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vo_service.dali.errors import usage
from vo_service.dali.parameters import Form, shortened
from vo_service.dali.values import real, written
from vo_service.query import Upload
from vo_service.soda.bulk.columns import Place, recognise

Pairs = tuple[tuple[str, str], ...]

_PLACES: Final = ("CIRCLE", "POLYGON", "POS", "PIXELS")
_SPECTRAL: Final = ("BAND", "FREQ", "LINE", "CHANNELS")
_OF_LINES: Final = ("Z", "WIDTH")
_OF_BANDS: Final = ("SPECSYS",)
_AT_ONCE: Final = 4096
_BETWEEN: Final = re.compile(r"[\[\](),;]")  # how tables of text write arrays


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the request says of all rows: ``form`` has the parameters of a single request but ID, ``ids`` are
    the data sets of rows that name none, ``radius`` is in degrees."""

    form: Form
    ids: tuple[str, ...] = ()
    radius: float | None = None


@dataclass(frozen=True, slots=True)
class InputRow:
    """A row, counted from 1: how it is called, the data set that it names, and the ``pairs`` of parameters
    that ask for its cut-out. ``fault``: why it asks for nothing."""

    number: int
    label: str | None = None
    id: str | None = None
    pairs: Pairs = ()
    fault: str | None = None


class _Wrong(Exception):
    """A value that cannot be used; ``str()`` is a sentence."""


def read_rows(upload: Upload, defaults: Defaults) -> Iterator[InputRow]:
    """The rows of a table, in order. Raises ServiceError (400) for a table whose columns cannot be
    understood, or say neither which data sets nor which places are wanted."""
    places = recognise(upload.table.columns)
    _check_columns(places, defaults)
    reader = _Reader(places, defaults)
    wanted = sorted({place.index for place in places.values()})
    number = 0
    for batch in upload.rows.select(wanted).to_batches(_AT_ONCE):
        columns = dict(zip(wanted, (column.to_pylist() for column in batch.columns), strict=True))
        for at in range(batch.num_rows):
            number += 1
            yield reader.row(number, {role: columns[place.index][at] for role, place in places.items()})


def _check_columns(places: Mapping[str, Place], defaults: Defaults) -> None:
    has_place = any(name in places for name in ("circle", "polygon", "pos"))
    if ("ra" in places) != ("dec" in places):
        there, missing = ("ra", "dec") if "ra" in places else ("dec", "ra")
        raise usage(f"The table has {there} (column {places[there].name}) and no {missing}.")
    sized = "radius" in places or "size" in places or defaults.radius is not None
    if "ra" in places and not sized and not has_place:
        raise usage(
            f"The columns {places['ra'].name} and {places['dec'].name} say where; nothing says how large.",
            "Add a column radius (or size, the full width), or send RADIUS in degrees; or leave them out.",
        )
    if not has_place and "ra" not in places and "id" not in places and not defaults.ids:
        raise usage(
            "The table names neither data sets nor positions.",
            "A column id (or obs_publisher_did, dataset_id, product_id) is wanted, or columns ra and dec in"
            " degrees with a radius, or circle, polygon or pos.",
        )


class _Reader:
    """Reads rows: ``places`` of columns by their roles."""

    def __init__(self, places: Mapping[str, Place], defaults: Defaults) -> None:
        self._places = places
        self._defaults = defaults
        self._form = [(name, value) for name, values in defaults.form.values.items() for value in values]

    def row(self, number: int, values: Mapping[str, Any]) -> InputRow:
        """One row, by the roles of its columns."""
        given = {role: value for role, value in values.items() if not _is_nothing(value)}
        label = _text(given["label"]) if "label" in given else None
        id = _text(given["id"]) if "id" in given else None
        try:
            own = [*self._place(given), *self._spectrum(given), *self._polarisations(given)]
            return InputRow(number, label, id, self._merged(own, given))
        except _Wrong as wrong:
            return InputRow(number, label, id, fault=str(wrong))

    def _merged(self, own: Sequence[tuple[str, str]], given: Mapping[str, Any]) -> Pairs:
        """The row's own parameters, and those of the request that they leave room for."""
        names = {name for name, _ in own}
        gone = set(names)
        for alternatives in (_PLACES, _SPECTRAL):
            told = [name for name in alternatives if name in names]
            if len(told) > 1:
                raise _Wrong(f"The row has {' and '.join(told)}; one of them is wanted.")
            if told:
                gone |= set(alternatives)
        pairs = [*own, *((name, value) for name, value in self._form if name not in gone)]
        line = any(name == "LINE" for name, _ in pairs)
        for role in ("z", "width"):
            if line and role in given:
                pairs = [pair for pair in pairs if pair[0] != role.upper()]
                pairs.append((role.upper(), self._number(role, given[role])))
        if names & set(
            _SPECTRAL
        ):  # what belongs to another kind of band than the row's is meant for other rows
            strange: tuple[str, ...] = () if line else _OF_LINES
            strange += () if names & {"BAND", "FREQ"} else _OF_BANDS
            pairs = [pair for pair in pairs if pair[0] not in strange]
        return tuple(pairs)

    def _place(self, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for role in ("circle", "polygon"):
            if role in given:
                yield role.upper(), self._numbers(role, given[role])
        if "pos" in given:
            yield "POS", _text(given["pos"])
        if any(role in given for role in ("circle", "polygon", "pos")):
            return  # ra and dec are those of a shape that says more
        if "ra" in given or "dec" in given:
            for role in ("ra", "dec"):
                if role not in given:
                    raise _Wrong(f"The row has no {role} (column {self._places[role].name}).")
            ra, dec = self._number("ra", given["ra"]), self._number("dec", given["dec"])
            yield "CIRCLE", f"{ra} {dec} {self._radius(given)}"

    def _radius(self, given: Mapping[str, Any]) -> str:
        if "radius" in given and "size" in given:
            raise _Wrong("The row has a radius and a size; one of them is wanted.")
        if "radius" in given:
            return self._number("radius", given["radius"])
        if "size" in given:
            return written(float(self._number("size", given["size"])) / 2.0)
        if self._defaults.radius is None:
            raise _Wrong("The row has a position and no radius.")
        return written(self._defaults.radius)

    def _spectrum(self, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for role in ("band", "freq", "channels"):
            if role in given:
                yield role.upper(), self._numbers(role, given[role])
        if "line" in given:
            yield "LINE", _text(given["line"])

    def _polarisations(self, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "pol" in given:
            for label in _text(given["pol"]).replace("/", " ").replace(",", " ").split():
                yield "POL", label

    def _number(self, role: str, value: Any) -> str:
        return self._scaled(role, value, single=True)

    def _numbers(self, role: str, value: Any) -> str:
        """Numbers of an array, or of a text as parameters have it."""
        if isinstance(value, list):
            while value and _is_nothing(value[-1]):  # arrays of one length are filled up
                value = value[:-1]
            return " ".join(self._scaled(role, one) for one in value)
        if isinstance(value, str):
            return _BETWEEN.sub(" ", value)
        return self._scaled(role, value)

    def _scaled(self, role: str, value: Any, single: bool = False) -> str:
        place = self._places[role]
        if isinstance(value, str):
            try:
                return written(real(value.strip()) * place.factor)
            except ValueError as error:
                raise _Wrong(f"{_told(role, place)}={shortened(value)!r} is no number.") from error
        if isinstance(value, bool) or not isinstance(value, int | float) or _is_nothing(value):
            what = "one number" if single else "numbers"
            raise _Wrong(
                f"{_told(role, place)} holds {shortened(str(value))}; {what} without gaps are wanted."
            )
        if place.factor == 1.0:
            return written(value)
        return written(value * place.factor)


def _told(role: str, place: Place) -> str:
    return place.name if place.name.lower() == role else f"{place.name} ({role})"


def _is_nothing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, list) and all(_is_nothing(one) for one in value)


def _text(value: Any) -> str:
    return str(value).strip()
