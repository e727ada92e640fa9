"""What the oddments of the sample are made from: a spare observation, and products to copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vo_service.sample.drafts import Draft, realised_noise
from vo_service.sample.headers import ImageHeader, SpectralAxis
from vo_service.sample.images import Exposed
from vo_service.sample.imaging import Field, image_window, lay_out, observing_date, written_date
from vo_service.sample.observations import Observation

PROFILE = "oddments"
FOLDER = "contributed/oddments"
CAMPAIGN = "M83"  # the example of the README: its answers are the same with and without oddments


@dataclass(slots=True)
class Originals:
    """The products that copies are made of: the first of their kind that are not of the campaign."""

    hand_made: Draft | None = None
    delivered_cube: Draft | None = None
    delivered_image: Draft | None = None

    def consider(self, draft: Draft) -> None:
        """Keep a file that was just made, with its bytes, where it is one of those to be copied."""
        seen = draft.observation
        if seen is None or not draft.is_primary or seen.source.name == CAMPAIGN or seen.intent != "sci":
            return
        if draft.profile == "cycle0" and draft.role == "cube":
            self.hand_made = self.hand_made or draft
        elif draft.profile == "pipeline" and draft.role == "cube":
            self.delivered_cube = self.delivered_cube or draft
        elif draft.profile == "pipeline" and draft.role == "image" and len(draft.windows) == 1:
            self.delivered_image = self.delivered_image or draft


@dataclass(frozen=True, slots=True)
class Spare:
    """What one oddment is made from."""

    rng: np.random.Generator
    observation: Observation
    number: int
    originals: Originals

    @property
    def target(self) -> str:
        """Name of the target as it stands in file names."""
        return self.observation.object_name.replace(" ", "_")


Kind = Callable[[Spare], Iterator[Draft]]


def header_of(observation: Observation, field: Field, spectral: SpectralAxis, origin: str) -> ImageHeader:
    line = observation.windows[0].line
    return ImageHeader(
        target=observation.object_name,
        grid=field.grid,
        spectral=spectral,
        date=observing_date(observation),
        origin=origin,
        beam=observation.beam,
        rest=line.rest if line is not None else None,
        written=written_date(observation),
    )


def image_of(spare: Spare, path: str, planes: Exposed, content: bytes, *quirks: str) -> Draft:
    return Draft(
        path=path,
        content=content,
        role="image",
        profile=PROFILE,
        group=path,
        is_primary=True,
        target_name=spare.observation.object_name,
        unit="Jy/beam",
        quirks=quirks,
        noise=realised_noise(planes),
    )


def continuum_of(spare: Spare) -> tuple[Exposed, ImageHeader]:
    """A small image of a window without a line, and its header."""
    field = lay_out(spare.rng, spare.observation, limit=64)
    window = replace(spare.observation.windows[1], line=None)
    imaged = image_window(spare.rng, spare.observation, window, field, channels=1, depth=9.0)
    spec = replace(
        header_of(spare.observation, field, imaged.axis, "CASA 5.6.1-8"), rest=float(window.centre)
    )
    return imaged.planes, spec
