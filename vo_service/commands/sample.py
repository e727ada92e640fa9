"""``vo-service sample``: write sample holdings with their truth."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from vo_service.commands.command import DONE, Action, CallMistake
from vo_service.commands.console import Console
from vo_service.sample import SampleSummary, write_sample
from vo_service.settings import Settings

SEED = 7
PRODUCTS = 200
_WRITTEN = ("products", "archive.vot", "truth.json")


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ArgumentTypeError(f"a whole number from 0 to 999999999 is wanted, got {text!r}")
    return int(text)


def _count(text: str) -> int:
    number = _whole_number(text)
    if number == 0:
        raise ArgumentTypeError("at least 1 is wanted, got 0")
    return number


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="where to write; made where it is missing"
    )
    parser.add_argument(
        "--seed", type=_whole_number, default=SEED, metavar="N", help=f"random seed (default {SEED})"
    )
    parser.add_argument(
        "--products", type=_count, default=PRODUCTS, metavar="N", help=f"about how many (default {PRODUCTS})"
    )


def _run(arguments: Namespace, settings: Settings, console: Console) -> int:
    directory: Path = arguments.directory
    if directory.exists() and not directory.is_dir():
        raise CallMistake(f"{directory} is no directory; name one that is, or a new one")
    there = [name for name in _WRITTEN if (directory / name).exists()]
    if there:
        raise CallMistake(f"{directory / there[0]} is there already; name a new directory or remove it first")
    summary = write(directory, arguments.seed, arguments.products, console)
    console.say(
        f"{directory}: {summary.products} products ({summary.failed} of them broken on purpose), "
        f"{summary.datasets} data sets, {summary.archive_rows} archive rows"
    )
    console.say(f"wrote {', '.join(str(directory / name) for name in _WRITTEN)}")
    return DONE


def write(directory: Path, seed: int, products: int, console: Console) -> SampleSummary:
    """Write sample holdings and show how far it is."""
    with console.progress("products") as progress:
        return write_sample(directory, seed, products, lambda done, total: progress("sample", done, total))


def clear(directory: Path) -> None:
    """Remove what an interrupted sample left in ``directory``, and nothing else."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(directory / "products", ignore_errors=True)
    for name in _WRITTEN[1:]:
        (directory / name).unlink(missing_ok=True)


ACTION = Action(_arguments, _run)
