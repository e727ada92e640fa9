"""How many files each family gets, and which observations they are made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vo_service.sample.observations import MemberSet, Observation, Planner
from vo_service.sample.sources import CALIBRATORS, SOURCES, SURVEY_SOURCES, Source

WEIGHTS = {"pipeline": 40.0, "cycle0": 15.0, "survey": 15.0, "derived": 15.0, "foreign": 8.5, "broken": 6.5}

ODDMENT_EVERY = 16
"""One oddment comes on top of so many products."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Observations by the family that makes files of them; each family takes from the front of its list."""

    quotas: dict[str, int]
    members: tuple[MemberSet, ...]
    cycle_zero: tuple[Observation, ...]
    derived: tuple[Observation, ...]
    survey: tuple[Observation, ...]
    foreign: tuple[Observation, ...]
    broken: tuple[Observation, ...]
    oddments: tuple[Observation, ...]

    def archived(self) -> Iterator[Observation]:
        """All targets that the archive has rows of, whether they have files or not."""
        for member in self.members:
            yield member.science
            yield from member.calibrators
        yield from self.cycle_zero
        yield from self.derived


def share_out(products: int, weights: dict[str, float]) -> dict[str, int]:
    """Split a number of files by weights so that the parts add up to it (largest remainder)."""
    total = sum(weights.values())
    exact = {name: products * weight / total for name, weight in weights.items()}
    quotas = {name: int(value) for name, value in exact.items()}
    rest = sorted(exact, key=lambda name: (quotas[name] - exact[name], name))
    for name in rest[: products - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def _with_calibrators(observation: Observation, number: int) -> MemberSet:
    targets = [CALIBRATORS[(number * 3 + i) % len(CALIBRATORS)] for i in range(3)]
    scans = tuple(
        replace(
            observation,
            source=source,
            object_name=source.name,
            archive_name=source.name,
            redshift=0.0,
            mosaic=False,
            intent=intent,
            windows=tuple(replace(window, line=None) for window in observation.windows),
        )
        for source, intent in zip(targets, ("bp", "ph", "chk"), strict=True)
    )
    return MemberSet(observation, scans, full=number % 2 == 0)


def _pool(
    planner: Planner, sources: Sequence[Source], count: int, **settings: object
) -> tuple[Observation, ...]:
    """Observations of ``sources`` in turn, their lines too, resolved as files of this family usually are."""
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        lines = source.observable()
        line = lines[(number // len(sources)) % len(lines)]
        made.append(planner.observe(source, line, beam=planner.resolution(), **settings))  # type: ignore[arg-type]
    return tuple(made)


def make_plan(planner: Planner, products: int) -> Plan:
    """The observations of a sample of ``products`` files; those beyond the quota have archive rows only.

    Every pool is long enough for its quota: a pipeline set has five files at least, a Cycle 0 set four, a
    galaxy and a cluster of a survey eleven, a derived set eight, the others one.
    """
    quotas = share_out(products, WEIGHTS)
    campaign = planner.m83_campaign()
    others = planner.others(8 + quotas["pipeline"] // 5)
    members: list[MemberSet] = []
    for number, observation in enumerate(others):
        members += [MemberSet(m83) for m83 in campaign[2 * number : 2 * number + 2]]
        members.append(_with_calibrators(observation, number))
    return Plan(
        quotas=quotas,
        members=tuple(members),
        cycle_zero=_pool(planner, SOURCES[::2], 2 + quotas["cycle0"] // 4, start=None, cycle_zero=True),
        derived=_pool(planner, SOURCES[1::2], 2 + quotas["derived"] // 8),
        survey=_pool(planner, SURVEY_SOURCES, 2 + quotas["survey"] // 5),
        foreign=_pool(planner, SOURCES[::-1], quotas["foreign"]),
        broken=_pool(planner, SOURCES[3:], quotas["broken"]),
        oddments=_pool(planner, SOURCES[6:], products // ODDMENT_EVERY),
    )
