"""The channels of a box as frequencies, widths and velocities, and what cannot be computed of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_service.spectral import optical_velocity, radio_velocity, relativistic_velocity

Doubles = NDArray[np.float64]
VelocityDefinition = Literal["radio", "optical", "relativistic"]
VELOCITY_OF: Mapping[VelocityDefinition, Callable[[ArrayLike, float], Doubles]] = {
    "radio": radio_velocity,
    "optical": optical_velocity,
    "relativistic": relativistic_velocity,
}


class NotComputable(ValueError):
    """An image that does not have what a result needs; ``str()`` is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class ChannelScale:
    """``edges`` (channels + 1): frequencies (Hz) of the borders between the channels of a box, all rising or
    all falling, in the frame of the file. Velocities are by ``definition`` relative to the frequency
    ``reference`` (Hz, in the same frame), of which there is none where it is None.
    """

    edges: Doubles
    definition: VelocityDefinition = "radio"
    reference: float | None = None

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def frequencies(self) -> Doubles:
        """(channels,) Hz: the middle of each channel."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2.0)

    @property
    def velocities(self) -> Doubles:
        """(channels,) km/s: the middle of each channel, so that what is summed with the widths is the
        integral of a spectrum that is constant within channels. Raises NotComputable without a reference."""
        edges = self._velocity_edges()
        return np.asarray((edges[:-1] + edges[1:]) / 2.0)

    @property
    def widths(self) -> Doubles:
        """(channels,) of each channel from edge to edge: km/s, or Hz where there is no reference."""
        edges = self.edges if self.reference is None else self._velocity_edges()
        return np.asarray(np.abs(np.diff(edges)))

    def _velocity_edges(self) -> Doubles:
        if self.reference is None:
            raise NotComputable(
                "Velocities need the frequency that they are relative to, and the header states no rest "
                "frequency: name a line."
            )
        return VELOCITY_OF[self.definition](self.edges, self.reference) / 1e3
