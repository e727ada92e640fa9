"""From what a client asks to an answer on its way, the same for all services and jobs.

Asked       what is asked: ADQL, a format, and what the answer repeats of the request
Asker       who asks, when, by which address
Queries     what all queries of a process share
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vo_service.access import Rights, Viewer
from vo_service.asking.answers import Account, Answering, Describe, as_published
from vo_service.asking.row_services import RowServices, no_services
from vo_service.asking.tables import Told, Worded, plainly
from vo_service.dali.current import Current
from vo_service.dali.multipart import Part
from vo_service.dali.parameters import MAXREC, Form
from vo_service.engines import Engine, Limits
from vo_service.formats import SPOOL_BYTES, Format, Info
from vo_service.query import Context, Plans, ProbeAnswers, ProbeLimits, Question, Targets, Upload


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Rows given by default and at most, rows of a batch."""

    maxrec_default: int
    maxrec_hard: int
    batch_rows: int

    def rows(self, asked: int | None) -> int:
        """The most rows of an answer, from the MAXREC of the request if it has one (DALI-061)."""
        return min(self.maxrec_default if asked is None else asked, self.maxrec_hard)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as it is to be answered. ``maxrec`` None: as many rows as the service gives by default.

    ``standard_id`` is that of the protocol, ``echo`` what of the request the answer repeats in front of its
    rows (TAP-104, SIA-076), ``resources`` what stands behind the table beside the services that take a row,
    ``wording`` the text of an error as the protocol tells it, ``describe`` a column as it does (types and
    names stay).
    """

    adql: str
    standard_id: str
    format: Format
    version: str = "2.1"
    maxrec: int | None = None
    runid: str | None = None
    echo: tuple[Info, ...] = ()
    resources: tuple[bytes, ...] = ()
    wording: Worded = plainly
    describe: Describe = as_published


_ECHOED = 100_000  # characters of a value; only maps have more


def echo_of(form: Form, names: Iterable[str]) -> tuple[Info, ...]:
    """What was sent by these names, long maps but for their beginnings; MAXREC as it is heeded is told by
    every answer."""
    return tuple(
        Info(name, value if len(value) <= _ECHOED else f"{value[:1000]}... ({len(value)} characters)")
        for name in names
        if name != MAXREC.name
        for value in form.values.get(name, ())
        if value.strip()
    )


@dataclass(frozen=True, slots=True)
class Asker:
    """The circumstances of one query: rights, moment (UTC), public address of the service, seconds that the
    answer may take, files that came along, a directory for what formats must put aside."""

    viewer: Viewer
    now: datetime
    base_url: str
    seconds: float
    place: Path | None
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queries:
    """What all queries of a process share."""

    current: Current[Engine]
    rights: Rights
    limits: QueryLimits
    targets: Targets = field(default_factory=Targets)
    probes: ProbeLimits = field(default_factory=ProbeLimits)
    citation: str | None = None
    account: Account = lambda state, seconds, rows, size: None
    readers: Executor | None = None
    spool_bytes: int = SPOOL_BYTES
    services: RowServices = no_services
    plans: Plans = field(default_factory=Plans)
    answers: ProbeAnswers = field(default_factory=ProbeAnswers)

    def answering(
        self,
        asked: Asked,
        asker: Asker,
        uploads: tuple[Upload, ...] = (),
        seconds: float | None = None,
        on_snapshot: Callable[[int], None] | None = None,
        told: Told | None = None,
    ) -> Answering:
        """One query, nothing of which has been done yet. ``seconds`` are those that are left to it, where
        they are not all that the asker has."""
        maxrec = self.limits.rows(asked.maxrec)
        return Answering(
            Question(asked.adql, maxrec, asked.version, uploads),
            self.context(asker, asker.seconds if seconds is None else seconds),
            asked.format,
            asked.standard_id,
            (*asked.echo, Info("MAXREC", str(maxrec))),
            self.current,
            citation=self.citation,
            runid=asked.runid,
            place=asker.place,
            on_snapshot=on_snapshot,
            told=Told() if told is None else told,
            account=self.account,
            readers=self.readers,
            spool_bytes=self.spool_bytes,
            services=self.services,
            resources=asked.resources,
            wording=asked.wording,
            describe=asked.describe,
        )

    def context(self, asker: Asker, seconds: float) -> Context:
        """What a query of this asker is asked with."""
        return Context(
            viewer=asker.viewer,
            now=asker.now,
            base_url=asker.base_url,
            limits=Limits(max(seconds, 0.001), self.limits.batch_rows),
            rights=self.rights,
            targets=self.targets,
            probes=self.probes,
            plans=self.plans,
            answers=self.answers,
        )
