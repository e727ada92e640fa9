"""The addresses of coverage maps below ``/moc``, and the maps that they name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hips.mocs.names import BAND, HOLDINGS, PROJECT, YEAR, Dimension, Name
from hips.mocs.writing import Form as MapForm
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.parameters import shortened
from vo_service.moc.map_forms import ENDINGS, OFFERED

DATASET: Final = "dataset"
_KINDS: Final = (BAND, YEAR, PROJECT, DATASET)
_OUTER: Final = {each.value: each for each in (Dimension.TIME, Dimension.FREQUENCY)}


@dataclass(frozen=True, slots=True)
class MapPlace:
    """What an address says: the dimension of the map, its kind, and the rest, which is its name within that
    kind (empty for the whole), perhaps with an ending."""

    dimension: Dimension
    kind: str
    rest: str

    def dataset(self) -> tuple[str, MapForm | None]:
        """The identifier of a data set, and the form that the address ends with. Raises ServiceError (400)
        for an ending that is no form; names of data sets have no points in them, those of authorities may."""
        if "." not in self.rest.rpartition("?")[2]:
            return self.rest, None
        base, _, end = self.rest.rpartition(".")
        return base, _form(end)

    def named(self, is_known: Callable[[Name], bool]) -> tuple[Name, MapForm | None]:
        """The map of a build, and the form that the address ends with. Names may have points in them: what
        is a name as it stands has no ending.

        Raises ServiceError: 404 where there is none of that name, 400 for one with an unknown ending.
        """
        text = self.kind if not self.rest else self.rest
        whole = self._name(text)
        if is_known(whole):
            return whole, None
        base, _, end = text.rpartition(".")
        if base and is_known(self._name(base)):
            return self._name(base), _form(end)
        raise no_map()

    def _name(self, text: str) -> Name:
        return (self.kind, text) if self.rest else (text,)


def read_place(path: str) -> MapPlace:
    """What the part of an address behind ``/moc/`` says. Raises ServiceError (404) for none of these
    addresses."""
    first, _, rest = path.partition("/")
    dimension = _OUTER.get(first, Dimension.SPACE)
    if dimension is not Dimension.SPACE:
        path = rest
    kind, slash, rest = path.partition("/")
    if kind in _KINDS and rest:
        return MapPlace(dimension, kind, rest)
    if not slash and kind.partition(".")[0] == HOLDINGS[0]:
        return MapPlace(dimension, kind, "")
    raise no_map()


def _form(ending: str) -> MapForm:
    form = ENDINGS.get(ending.lower())
    if form is None:
        raise usage(f"The format {shortened(ending)!r} is not offered.", OFFERED)
    return form


def no_map() -> ServiceError:
    """There is none of that name."""
    return ServiceError(
        ErrorKind.NOT_FOUND, "There is no coverage map of this name.", "/moc lists all of them."
    )
