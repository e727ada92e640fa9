"""What can go wrong with a program that says it all in its output, whose exit status is always 0."""

from __future__ import annotations


class HipsgenError(Exception):
    """The text says what was wrong and what would be right."""


class HipsgenMissing(HipsgenError):
    """No Java, no jar, or a jar that is not hipsgen."""


class HipsgenFailed(HipsgenError):
    """It ended without its work done: it was killed, had no memory, gave up, or complained."""


class HipsgenStopped(HipsgenError):
    """It was ended because its result is no longer wanted."""
