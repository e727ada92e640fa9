"""From the rows of a snapshot to the families of image trees, and the fields of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from vo_service.access import Rights
from vo_service.atlas.facts import FamilyFacts, facts_of
from vo_service.atlas.fields import AtlasField, PrimaryBeam
from vo_service.atlas.looks import UNKNOWN_NOISE, Look, Looks, key_of, look
from vo_service.atlas.opening import Origin, Workbench
from vo_service.atlas.public_sets import PublicSet, public_sets
from vo_service.atlas.recipes import FamilyKey, Recipe, recipes_of
from vo_service.holdings.pool import Lost, work_all
from vo_service.pixels import FitsError
from vo_service.store import RootPlace, Snapshot

Told = Callable[[int, int], None]
"""Called with how many headers have been looked at, and of how many."""

_HEADER_SECONDS = 600.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A data set that is not in a tree where it would belong, and why."""

    dataset_id: str
    family: str
    reason: str


@dataclass(frozen=True, slots=True)
class Family:
    """One image tree to be: what its fields have in common, the fields, and the data sets that they show."""

    key: FamilyKey
    fields: tuple[AtlasField, ...]
    sets: tuple[tuple[PublicSet, Recipe], ...]

    @property
    def name(self) -> str:
        """Of the tree."""
        return self.key.name

    def facts(self, names: Collection[str] | None = None) -> FamilyFacts:
        """What rows tell of the fields of these names, of all by default."""
        shown = [one for one in self.sets if names is None or one[0].dataset_id in names]
        return facts_of(self.key, shown)


@dataclass(frozen=True, slots=True)
class Families:
    """All image trees, by name. ``left_out`` has what cannot be in them as it is, ``failed`` what could not
    be read this time."""

    families: tuple[Family, ...]
    left_out: tuple[LeftOut, ...]
    failed: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """What families are made with: the places of ingest roots, where maps are worked on, the bytes of pixels
    that a map may be made of, and the ``processes`` that look at headers where there are many."""

    places: Mapping[str, RootPlace]
    bench: Workbench
    map_bytes: int
    processes: int = 1


def families_of(
    snapshot: Snapshot, means: Means, looks: Looks, rights: Rights, now: datetime, told: Told
) -> Families:
    """The families of all data sets that are public at ``now``. What ``looks`` does not know is read from
    their headers. Raises StoreError."""
    jobs = [_job(one) for one in public_sets(snapshot, rights, now)]
    faults = _look_at([job.unknown_by(looks) for job in jobs], means, looks, told)
    left_out: list[LeftOut] = []
    failed: list[LeftOut] = []
    found: dict[FamilyKey, list[_Found]] = {}
    for job in jobs:
        for map_ in job.maps:
            seen = looks.find(map_.state)
            reason = _reason(job.one, seen, means)
            if seen is None:
                why = faults.get(job.one.dataset_id, "it was not looked at")
                failed.append(LeftOut(job.one.dataset_id, map_.family.name, why))
            elif reason is not None:
                left_out.append(LeftOut(job.one.dataset_id, map_.family.name, reason))
            else:
                found.setdefault(map_.family, []).append(_Found(job.one, map_, seen))
    families = []
    for key, members in sorted(found.items(), key=lambda item: item[0].name):
        kept, twins = _without_twins(key, members)
        left_out += twins
        sets = tuple((each.one, each.map.recipe) for each in kept)
        families.append(Family(key, tuple(_field(each, means) for each in kept), sets))
    return Families(tuple(families), tuple(left_out), tuple(failed))


@dataclass(frozen=True, slots=True)
class _Map:
    """One map of a data set, by its family and its state."""

    family: FamilyKey
    recipe: Recipe
    state: str


@dataclass(frozen=True, slots=True)
class _Job:
    """A data set, and maps of it."""

    one: PublicSet
    maps: tuple[_Map, ...]

    def unknown_by(self, looks: Looks) -> _Job:
        """The same with those maps that nothing is known of."""
        return replace(self, maps=tuple(each for each in self.maps if looks.find(each.state) is None))


@dataclass(frozen=True, slots=True)
class _Found:
    """A map that can be made."""

    one: PublicSet
    map: _Map
    look: Look

    @property
    def name(self) -> str:
        """Of the data set."""
        return self.one.dataset_id

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, str]:
        """Of files with the same pixels the lowest is taken: that of which more is known, then the first.
        What says that it is corrected for the primary beam is known best."""
        one, seen = self.one, self.look
        is_original = one.science.product_id == one.original
        no_noise = seen.weight == UNKNOWN_NOISE
        return not one.is_corrected, seen.beam is None, no_noise, not is_original, self.name


def _job(one: PublicSet) -> _Job:
    maps = (_Map(family, recipe, key_of(one, recipe)) for family, recipe in recipes_of(one).items())
    return _Job(one, tuple(maps))


def _reason(one: PublicSet, seen: Look | None, means: Means) -> str | None:
    """Why a map cannot be in a tree, though its file can be read."""
    if one.is_blank:
        return "none of its pixels is a number"
    if seen is not None and seen.reason is None and seen.read_bytes > means.map_bytes:
        return (
            f"its map would be made of {seen.read_bytes} bytes of pixels, the limit is {means.map_bytes} "
            "(setting hips_map_bytes)"
        )
    return None if seen is None else seen.reason


def _look_at(jobs: Iterable[_Job], means: Means, looks: Looks, told: Told) -> dict[str, str]:
    """Look at headers, and keep what is seen. What kept some from being read, by data set."""
    todo = [job for job in jobs if job.maps]
    work = partial(_look_job, places=means.places)
    if means.processes > 1 and len(todo) > _AT_ONCE:
        module = _look_job.__module__
        results = work_all(todo, work, _lose, means.processes, _HEADER_SECONDS, _AT_ONCE, module)
    else:
        results = map(work, todo)
    faults: dict[str, str] = {}
    for done, (dataset_id, seen, fault) in enumerate(results, 1):
        for state, each in seen.items():
            looks.keep(state, each)
        if fault is not None:
            faults[dataset_id] = fault
        told(done, len(todo))
    return faults


_Seen = tuple[str, Mapping[str, Look], str | None]
"""A data set, what was seen of its maps by their states, and what kept others from being seen."""


def _look_job(job: _Job, places: Mapping[str, RootPlace]) -> _Seen:
    """Never raises: one file must not end a run."""
    seen: dict[str, Look] = {}
    try:
        for each in job.maps:
            seen[each.state] = look(job.one, each.recipe, places)
    except FitsError as error:
        return job.one.dataset_id, seen, error.message
    except OSError as error:
        return job.one.dataset_id, seen, f"{job.one.science.name} cannot be read: {error.strerror or error}"
    except Exception as error:  # the top of a job
        return job.one.dataset_id, seen, f"{job.one.science.name}: {type(error).__name__}: {error}"
    return job.one.dataset_id, seen, None


def _lose(job: _Job, lost: Lost) -> _Seen:
    return job.one.dataset_id, {}, f"{job.one.science.name}: {lost.reason}"


def _without_twins(key: FamilyKey, members: Iterable[_Found]) -> tuple[list[_Found], list[LeftOut]]:
    """Of files with the same pixels one, for they would count twice; and those that are left out for it."""
    kept: dict[str, _Found] = {}
    left_out = []
    for each in sorted(members, key=lambda each: each.rank):
        first = kept.setdefault(each.one.original, each)
        if first is not each:
            reason = f"its pixels are those of {first.name}, which is in the tree"
            left_out.append(LeftOut(each.name, key.name, reason))
    return sorted(kept.values(), key=lambda each: each.name), left_out


def _field(found: _Found, means: Means) -> AtlasField:
    one, seen = found.one, found.look
    beam = next((file for file in one.primary_beams if file.product_id == seen.beam), None)
    response = None
    if beam is not None:
        place = means.places[beam.found.root]
        etag = beam.etag.strip('"')
        response = PrimaryBeam(Origin(beam, place), seen.beam_channel, etag, not one.is_corrected)
    return AtlasField(
        name=found.name,
        state=found.map.state,
        pixel_scale=seen.pixel_scale,
        resolution=seen.resolution,
        weight=seen.weight,
        origin=Origin(one.science, means.places[one.science.found.root]),
        recipe=found.map.recipe,
        bench=means.bench,
        primary_beam=response,
    )
