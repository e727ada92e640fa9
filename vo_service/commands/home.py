"""The home directory as commands find it: what is there, and what to do first where something is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tap_schema import published
from vo_service.commands.command import CallFailed, CallMistake
from vo_service.commands.console import Console
from vo_service.engines import mirror_for
from vo_service.holdings.assemble import Setting, Stated
from vo_service.holdings.operator_table import OperatorTableError
from vo_service.holdings.projects import read_projects
from vo_service.holdings.redshifts import Redshifts, read_redshifts
from vo_service.holdings.renew import renew
from vo_service.holdings.requested import Requests, read_requests
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshots, StoreError

FIRST = "run `vo-service ingest DIR` or `vo-service harvest FILE` first, or `vo-service demo` to try it"


@dataclass(frozen=True, slots=True)
class Home:
    """The open store of a home directory."""

    catalogue: Catalogue
    snapshots: Snapshots


def read_stated(settings: Settings) -> Stated:
    """The operator's tables that the settings name. Raises CallMistake for one that cannot be read."""
    try:
        redshifts = Redshifts() if settings.redshifts is None else read_redshifts(settings.redshifts)
        requests = Requests() if settings.requested is None else read_requests(settings.requested)
    except OperatorTableError as error:
        raise CallMistake(str(error)) from error
    return Stated(redshifts, requests)


@contextmanager
def open_home(settings: Settings) -> Iterator[Home]:
    """The store under HOME, made where it is missing.

    What the store says of its troubles while it is open (somebody else writes, the disk is full, the
    catalogue cannot be reached) comes out as CallFailed.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise CallMistake(f"{settings.home} is no directory; name another with --home") from error
    try:
        catalogue = Catalogue.open(settings.catalogue_address, home=settings.home)
        try:
            snapshots = Snapshots(settings.home, catalogue, mirror=mirror_for(settings, catalogue))
            try:
                yield Home(catalogue, snapshots)
            finally:
                snapshots.close()
        finally:
            catalogue.close()
    except StoreError as error:
        raise CallFailed(str(error)) from error


@contextmanager
def open_existing_home(settings: Settings) -> Iterator[Home]:
    """As `open_home`, for commands that only read. Raises CallMistake where there is no such directory."""
    if not settings.home.is_dir():
        raise CallMistake(f"there is no home directory {settings.home}; {FIRST}")
    with open_home(settings) as home:
        yield home


def require_snapshot(settings: Settings, console: Console) -> None:
    """A snapshot to serve: one that another version of this software made is brought up to date.

    Raises CallMistake where nothing was ever ingested or harvested.
    """
    with open_existing_home(settings) as home:
        current = home.snapshots.current()
        if current is None:
            raise CallMistake(f"{settings.home} holds no data yet; {FIRST}")
        tell_authority(home, settings, console)
        if home.snapshots.is_outdated(current):
            console.note(f"snapshot {current.number} is of another version: bringing it up to date")
            _bring_up_to_date(home, settings, console)


def _bring_up_to_date(home: Home, settings: Settings, console: Console) -> None:
    with home.snapshots.writer("vo-service serve", settings.wait_seconds):
        setting = Setting(
            published(),
            home.catalogue.settled("authority", settings.authority),
            datetime.now(UTC).replace(tzinfo=None, microsecond=0),
            read_projects(home.snapshots.current()),
            read_stated(settings),
        )
        renewal = renew(home.snapshots, home.catalogue, setting)  # None: another writer has done it
        if renewal is not None:
            console.say(renewal.notice)
        home.snapshots.prune(settings.keep)


def tell_authority(home: Home, settings: Settings, console: Console) -> None:
    """Says so where the authority is about to be fixed without having been chosen, and where one is set that
    this home does not take."""
    fixed = home.catalogue.find_setting("authority")
    standard = Settings().authority
    if fixed is None and settings.authority == standard:
        console.say(
            f"no VO_SERVICE_AUTHORITY is set: the identifiers of this home bear {standard} for good; "
            "to choose another, set it before the first ingest of a new home"
        )
    elif fixed is not None and settings.authority not in (fixed, standard):
        console.complain(
            f"VO_SERVICE_AUTHORITY is {settings.authority}, but the identifiers of this home bear {fixed}, "
            "fixed at its first ingest; that stays so"
        )
