#!/usr/bin/env python3
"""Fetches the files of a package into the present directory, or into the one that is given.

    python3 FILE.py [DIRECTORY]

Started again it goes on where it ended: files that are there and whole are not fetched again, and the
beginning of a file (NAME.part) is used. Sizes are checked, and SHA-256 where it is known. Some files may need
a token: it is taken from the environment variable VO_SERVICE_TOKEN and sent to the service alone. The exit
code is 0 when all files are there, else 1. It needs Python 3.8 and nothing else.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PACKAGE = json.loads("{}")
TRIES = 8  # without a byte more
WHOLE_TRIES = 2  # of a file whose bytes are not what they are to be
SECONDS = 120  # without a byte
BLOCK = 1 << 20
LONGEST = 250  # bytes of a name that leave room for an ending
FINAL = frozenset((400, 401, 403, 404, 409, 410, 414))


class Failed(Exception):
    """A file that cannot be had; the text says why."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token goes nowhere else."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """None: the answer is taken as it is."""
        return


OPENER = urllib.request.build_opener(NoRedirects())


def main() -> int:
    """Fetch all files; the exit code."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    files, absent, failed = PACKAGE["files"], PACKAGE["absent"], 0
    for number, (path, url, size, sha256, etag, reason) in enumerate(files, 1):
        try:
            done = fetch(place_of(folder, path), url, size, sha256, etag, reason)
            say(f"{number} of {len(files)} {done}: {path}")
        except (Failed, OSError) as error:
            failed += 1
            say(f"FAILED {path}: {error}")
    for name, reason in absent:
        say(f"LEFT OUT {name}: {reason}")
    for name, reason in PACKAGE["elsewhere"]:
        say(f"elsewhere {name}: {reason}")
    say(f"{len(files) - failed} files are there, {failed + len(absent)} are not")
    return 1 if failed or absent else 0


def say(text: str) -> None:
    """Tell the user."""
    print(text, file=sys.stderr)


def place_of(folder: Path, path: str) -> Path:
    """Where a file is to lie: below the folder, over no link; its folders are made. Raises Failed."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or os.sep in part or "\0" in part for part in parts):
        raise Failed("its name leads out of the directory")
    place = folder
    for part in parts[:-1]:
        place = place / part
        if place.is_symlink():
            raise Failed("a link stands in its way")
        if not place.is_dir():
            place.mkdir()
    place = place / parts[-1]
    if place.is_symlink() or part_of(place).is_symlink():
        raise Failed("a link stands in its place")
    return place


def part_of(place: Path) -> Path:
    """Where the beginning of a file lies until it is whole; beside it, by a short name where its own is as
    long as names may be."""
    name = place.name
    if len(os.fsencode(name)) > LONGEST:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return place.with_name(name + ".part")


def fetch(place: Path, url: str, size: int | None, sha256: str | None, etag: str | None, reason: str) -> str:
    """One file, whole; how it came. Raises Failed, and OSError."""
    if place.exists() and is_whole(place, size, sha256):
        return "is there"
    token = os.environ.get("VO_SERVICE_TOKEN", "")
    if reason and not token:
        raise Failed(f"{reason} Put a token into the environment variable VO_SERVICE_TOKEN.")
    part = part_of(place)
    tries = wrong = 0
    while True:
        before = size_of(part)
        trouble = None if size is not None and before == size > 0 else read_on(part, url, etag, token)
        after = size_of(part)
        if trouble is None:
            if is_whole(part, size, sha256):
                part.replace(place)
                return "fetched"
            trouble = "the connection broke off"
            if size is None or after >= size:
                trouble = "its bytes are not those of the file"
                part.unlink()
                wrong += 1
        tries = 0 if after > before else tries + 1
        if tries >= TRIES or wrong >= WHOLE_TRIES:
            raise Failed(trouble)
        time.sleep(min(30.0, 0.25 * 2**tries))


def is_whole(place: Path, size: int | None, sha256: str | None) -> bool:
    """Whether a file is what it is to be, as far as that can be told."""
    if size is not None and size_of(place) != size:
        return False
    if not sha256:
        return True
    summed = hashlib.sha256()
    with place.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            summed.update(block)
    return summed.hexdigest() == sha256


def size_of(place: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return place.stat().st_size
    except FileNotFoundError:
        return 0


def read_on(part: Path, url: str, etag: str | None, token: str) -> str | None:
    """Fetch what is missing of a file; None where the answer came to its end, else why not. Raises Failed
    where none will."""
    begin = size_of(part)
    headers = {"Accept-Encoding": "identity", "User-Agent": "vo-service-package"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if begin:
        headers["Range"] = f"bytes={begin}-"
        if etag:
            headers["If-Range"] = etag
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  (an address of the service)
        with OPENER.open(request, timeout=SECONDS) as answer:
            return keep(answer, part, begin)
    except urllib.error.HTTPError as error:
        words = words_of(error)
        if error.code == 416:
            part.unlink()
        if error.code in FINAL or 300 <= error.code < 400:
            raise Failed(f"{error.code} {words}") from error
        return f"{error.code} {words}"
    except (OSError, http.client.HTTPException) as error:
        return f"the connection broke off: {error}"


def words_of(error: urllib.error.HTTPError) -> str:
    """The first line of what a server says of an error, as far as it comes."""
    try:
        with error:
            return error.read(500).decode("utf-8", "replace").strip().partition("\n")[0]
    except (OSError, http.client.HTTPException):
        return ""


def keep(answer: http.client.HTTPResponse, part: Path, begin: int) -> str | None:
    """Write an answer behind what is there, or, where it is the whole file, instead of it."""
    is_part = answer.status == 206
    if is_part and not answer.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
        return "the server sent another part than was asked for"
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if is_part else os.O_TRUNC)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(part, flags, 0o666), "ab") as file:
        for block in iter(lambda: answer.read(BLOCK), b""):
            file.write(block)
    return None


if __name__ == "__main__":
    sys.exit(main())
