"""What all who make trees work with, and what becomes of their work."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hips.trees.versions import Trees
from vo_service.atlas import Publisher
from vo_service.commands.console import Console, Progress
from vo_service.commands.home import Home
from vo_service.settings import Settings
from vo_service.store import Snapshot


@dataclass(frozen=True, slots=True)
class TreeWork:
    """A run of ``vo-service hips``, which holds the lock of the ``trees``.

    What is public is decided for the moment ``now``, whatever the clock says later. ``scratch`` is an empty
    directory that goes with the run. ``judged``: whether LINT is to judge trees whichever engine made them.
    """

    settings: Settings
    home: Home
    snapshot: Snapshot
    trees: Trees
    scratch: Path
    now: datetime
    console: Console
    progress: Progress
    judged: bool = False

    @property
    def processes(self) -> int:
        """How many make tiles."""
        return self.settings.hips_processes or os.cpu_count() or 1

    @property
    def authority(self) -> str:
        """The IVOA authority of identifiers: that of the home, once it has one."""
        return self.home.catalogue.find_setting("authority") or self.settings.authority

    @property
    def publisher(self) -> Publisher:
        """Who publishes them."""
        settings = self.settings
        return Publisher(self.authority, settings.citation, settings.rights_uri)


def counted(number: int, what: str) -> str:
    """``1 tile``, ``2 tiles``."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"


Make = Callable[[TreeWork], bool]
"""Makes the trees of one kind, and tells what became of them; whether all went well."""
