"""What a request for a coverage map wants of it: its form, and how coarse it may be (MOC-081)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hips.mocs.axes import FREQUENCY, SPACE, TIME, Axis
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import Dimension
from hips.mocs.sweeping import degraded
from hips.mocs.writing import Form as MapForm
from vo_service.dali.errors import usage
from vo_service.dali.parameters import Form, Parameter
from vo_service.dali.values import whole
from vo_service.moc.map_forms import wanted_form


def _order_on(axis: Axis) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = whole(text.strip())
        if not 0 <= value <= axis.deepest:
            raise ValueError(f"a whole number from 0 to {axis.deepest} is wanted")
        return value

    return read


ORDER: Final = Parameter("ORDER", _order_on(SPACE), "HEALPix order of the map, at most")
TIME_ORDER: Final = Parameter("TIMEORDER", _order_on(TIME), "order of time, at most")
FREQUENCY_ORDER: Final = Parameter("FREQUENCYORDER", _order_on(FREQUENCY), "order of frequency, at most")
_OUTER: Final = {Dimension.TIME: TIME_ORDER, Dimension.FREQUENCY: FREQUENCY_ORDER}


@dataclass(frozen=True, slots=True)
class MapRequest:
    """``space_order`` and ``outer_order`` None: as fine as there is."""

    form: MapForm
    space_order: int | None = None
    outer_order: int | None = None

    def applied(self, one: SpaceMap | JointMap) -> SpaceMap | JointMap:
        """A map at the orders that are wanted; where it is coarser than these it stays what it is, as it
        cannot know more."""
        if isinstance(one, SpaceMap):
            return one if self.space_order is None else one.degraded(self.space_order)
        outer = one.outer_order if self.outer_order is None else self.outer_order
        return degraded(one, outer, one.space_order if self.space_order is None else self.space_order)


def read_map_request(form: Form, dimension: Dimension, ending: MapForm | None, accept: str) -> MapRequest:
    """What the parameters, the end of the address and the header Accept want. Raises ServiceError (400)."""
    for other, parameter in _OUTER.items():
        if other is not dimension and form.every(parameter):
            raise usage(
                f"{parameter.name} is of maps of space and {other}; this is none.", "ORDER is that of space."
            )
    outer = _OUTER.get(dimension)
    return MapRequest(
        wanted_form(form, ending, accept), form.one(ORDER), None if outer is None else form.one(outer)
    )
