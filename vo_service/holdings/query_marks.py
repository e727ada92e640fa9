"""Paths of files whose URL has a query: a mark stands for it, since a query may say too much.

The mark is a folder before the file's own name, made of a hash: files of one name and different queries have
different paths, and the name, which tells much of a product, stays as it is.
"""

from __future__ import annotations

import hashlib


def with_mark(path: str, query: str | None) -> str:
    """The published path of a file: its own, with a mark where its URL has a query."""
    if query is None:
        return path
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{_mark(query)}/{name}"


def without_mark(path: str, query: str | None) -> str:
    """The path as it stands in the URL of the file."""
    if query is None:
        return path
    marked, _slash, name = path.rpartition("/")
    folder, slash, _ = marked.rpartition("/")
    return f"{folder}{slash}{name}"


def _mark(query: str) -> str:
    return f"query-{hashlib.blake2b(query.encode(), digest_size=6).hexdigest()}"
