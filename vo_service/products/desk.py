"""Where every door gets results of data sets from: put together from the settings, once for each process."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from vo_service.dali.admission import Admission, AdmissionLimits
from vo_service.holdings.gzip_indexes import FOLDER
from vo_service.pixels.processes import WorkLimits, forkserver
from vo_service.products.answers import Answers
from vo_service.products.derived import Derived
from vo_service.products.gallery import Gallery
from vo_service.products.images import Images
from vo_service.products.results import Results
from vo_service.products.shelf import Shelf
from vo_service.products.workshop import Workshop
from vo_service.settings import Settings
from vo_service.store.board import Board

_IMAGES = 128  # whose headers are remembered in a process
_LOOKED_UP = 16  # requests for pixels at a time beside those that wait for a result
_PRELOADED = (
    "vo_service.cli",
    "vo_service.products.pictures",
    "vo_service.pixels.quicklook.maps",
    "vo_service.pixels.quicklook.spectra",
)
"""What the processes that compute have loaded when they begin."""


@dataclass(frozen=True, slots=True)
class Desk:
    """``answers`` is for those who wait, ``workshop`` for jobs."""

    results: Results
    gallery: Gallery
    workshop: Workshop
    answers: Answers


def open_desk(settings: Settings, shelf: Shelf, board: Board, parts: ExitStack) -> Desk:
    """The desk of a process, which ends with ``parts``."""
    admission = Admission(
        board,
        AdmissionLimits(settings.cuts_per_client, settings.cut_slots, settings.cuts_queued),
        kind="results",
    )
    workshop = Workshop(
        forkserver(_PRELOADED),
        settings.cut_slots,
        WorkLimits(settings.cut_seconds, settings.cut_memory_bytes),
        admission,
        settings.queue_seconds,
    )
    parts.callback(workshop.close)
    derived = Derived(settings.home / "cache", settings.cache_bytes)
    indexes = settings.home / FOLDER
    results = Results(shelf, Images(_IMAGES), derived, indexes, settings.cut_bytes)
    gallery = Gallery(shelf, results, derived, indexes)
    threads = settings.cut_slots + settings.cuts_queued + _LOOKED_UP
    return Desk(results, gallery, workshop, Answers(workshop, threads, settings.digest_bytes))
