"""``vo-service demo``: sample holdings, ingested, harvested and served, in one go.

It serves what headers and archive rows tell first; behind that pixels are measured, and maps of the sky made.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from vo_service import __version__
from vo_service.commands import harvest, ingest, sample, server
from vo_service.commands.behind import behind
from vo_service.commands.command import DONE, Action
from vo_service.commands.console import Console
from vo_service.commands.home import open_home, require_snapshot
from vo_service.settings import Settings

_COMPLETE = "demo.json"
_HOLDINGS = "holdings"
_ROOT = "demo"

_TRY = """\
The demo answers at {address}/tap. In TOPCAT give this as TAP URL; in Python:

    import pyvo
    service = pyvo.dal.TAPService("{address}/tap")
    print(service.search('''
        SELECT target_name, proposal_id, s_resolution, em_min, em_max, access_url
        FROM ivoa.obscore
        WHERE dataproduct_type = 'cube' AND data_rights = 'Public'
          AND line_covered('CO(2-1)', 0, 0.1, em_support) = 1
          AND s_resolution < 1
    ''').to_table())

The pixels of its images are measured now, which takes a minute: holdings.measurement then has their noise
and peaks, holdings.line_candidate what may be lines. Coverage maps ({address}/moc) and tiles for Aladin
({address}/hips) follow behind.

Everything is in {home}; end with Ctrl-C."""


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--host", metavar="H", help="address to listen at (default 127.0.0.1)")
    parser.add_argument("--port", metavar="P", help="port to listen at (default 8000; 0: any free one)")
    parser.add_argument("--workers", metavar="N", help="server processes (default 2)")


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    listening = server.take_port(
        settings.host, settings.port
    )  # before the work: a taken port is told at once
    try:
        console.note(f"the demo is in {settings.home}")
        if is_complete(settings.home):
            console.note("its holdings are there already and are used again")
        else:
            prepare(settings, console)
        require_snapshot(settings, console)
    except BaseException:
        listening.close()
        raise
    home = settings.home.resolve()
    pixels = ["ingest", str(home / _HOLDINGS / "products"), "--root", _ROOT]
    with behind(home, [pixels, ["moc"], ["hips"]], "behind.log") as following:

        def ready(address: str) -> None:
            console.say(_TRY.format(address=address, home=home))
            following.start()

        server.serve(settings, listening, console.quiet, ready)
    return DONE


def is_complete(home: Path) -> bool:
    """Whether an earlier demo of this version has made everything."""
    try:
        made = json.loads((home / _COMPLETE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(made == _made())


def prepare(settings: Settings, console: Console) -> None:
    """Make the demo's holdings; what an interrupted one left is used as far as it goes."""
    holdings = settings.home / _HOLDINGS
    if not (holdings / "truth.json").is_file():
        sample.clear(holdings)
        sample.write(holdings, sample.SEED, sample.PRODUCTS, console)
    with open_home(settings) as home:
        files = ingest.add_files([holdings / "products"], _ROOT, home, settings, console, pixels=False)
        ingest.tell(files, settings, console)
        rows = harvest.add_rows(str(holdings / "archive.vot"), home, settings, console)
        harvest.tell(rows, console)
    (settings.home / _COMPLETE).write_text(json.dumps(_made()), encoding="utf-8")


def _made() -> dict[str, object]:
    return {"software": __version__, "seed": sample.SEED, "products": sample.PRODUCTS}


ACTION = Action(_arguments, _run)
