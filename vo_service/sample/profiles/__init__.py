"""Families of files met in the archive, each a module that makes drafts from planned observations.

``ORDER`` names them in the order in which they are written. A family is called with a seed of its own and the
plan, and yields files without end or until it has no more; primaries come before their companions, so that a
quota may cut a set anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vo_service.sample.drafts import Draft
from vo_service.sample.profiles import broken, cycle0, derived, foreign, pipeline, survey
from vo_service.sample.profiles.plan import Plan, make_plan

Family = Callable[[int, Plan], Iterator[Draft]]

ORDER: tuple[tuple[str, Family], ...] = (
    ("pipeline", pipeline.files),
    ("cycle0", cycle0.files),
    ("survey", survey.files),
    ("derived", derived.files),
    ("foreign", foreign.files),
    ("broken", broken.files),
)

__all__ = ["ORDER", "Plan", "make_plan"]
