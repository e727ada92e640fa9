"""Work in a process of its own, which may die, be ended at a limit, or be given up, alone.

A process is forked from a server that has the modules loaded, so that one costs some ten milliseconds where
the main module of the command is among them. It ends with the process that asked for it, however that ends.
"""

from __future__ import annotations

import os
import pickle
import resource
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from signal import Signals
from typing import Generic, TypeVar

Result = TypeVar("Result")

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PATIENCE = (0.05, 0.2, 1.0)  # seconds
_preloaded: dict[str, None] = {}
_ASKING = threading.Lock()
"""Held where processes are asked how they ended: whoever starts one asks all others, and of two who ask one
at the same time only one gets the answer."""


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """Seconds on the clock, and bytes of memory beyond those that a process begins with."""

    seconds: float
    memory_bytes: int


class WorkLost(Exception):
    """The process has no result: it ``was_late``, or died as ``str()`` says."""

    def __init__(self, reason: str, was_late: bool = False) -> None:
        super().__init__(reason)
        self.was_late = was_late


class NotStarted(WorkLost):
    """No process could be started: a state of the system, whatever the work is."""

    def __init__(self) -> None:
        super().__init__("could not be started")


class GivenUp(WorkLost):
    """Nobody wanted the result any more."""

    def __init__(self) -> None:
        super().__init__("was given up")


def forkserver(preload: tuple[str, ...]) -> ForkServerContext:
    """What processes are started from, with those modules loaded, and all that were asked for before, if this
    is called before the first process is started."""
    context = get_context("forkserver")
    _preloaded.update(dict.fromkeys(preload))
    context.set_forkserver_preload(list(_preloaded))
    return context


def end_with_parent() -> None:
    """End this process at once when the one that asked for it is gone: nobody wants what it is at."""
    threading.Thread(target=_watch_parent, name="end-with-parent", daemon=True).start()


def _watch_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def cause_of_end(code: int | None) -> str:
    """How a process ended, as the second half of a sentence."""
    if code is not None and code < 0:
        named = -code in {each.value for each in Signals}  # those for real time have no names
        return f"was ended by signal {Signals(-code).name if named else -code}"
    return f"ended with exit code {code}"


class Workplace(Generic[Result]):
    """One piece of work in one process, begun when this is made: `result` waits for it, `give_up` ends it.

    ``work`` and its result must be fit to be pickled. Raises NotStarted where no process can be started: that
    which forks them was killed (the next try has a new one), or the system has no more of what it takes.
    """

    def __init__(self, context: ForkServerContext, work: Callable[[], Result], limits: WorkLimits) -> None:
        self._limits = limits
        self._began = time.monotonic()
        try:
            self._pipe, theirs = context.Pipe(duplex=False)
        except OSError as error:
            raise NotStarted from error
        self._process: ForkServerProcess = context.Process(
            target=_do, args=(theirs, work, limits.memory_bytes), daemon=True
        )
        self._given_up = False
        self._is_gone = False
        try:
            self._start()
        except (EOFError, OSError) as error:
            self._pipe.close()
            raise NotStarted from error
        except BaseException:
            self._pipe.close()
            raise
        finally:
            theirs.close()

    def _start(self) -> None:
        """Raises OSError, and EOFError where the process that forks others is killed while it is at it."""
        for wait_before_next in (*_PATIENCE, None):
            try:
                with _ASKING:
                    self._process.start()
                return
            except ConnectionRefusedError:  # it was killed just now, and the system has not told yet
                if wait_before_next is None:
                    raise
                time.sleep(wait_before_next)

    def give_up(self) -> None:
        """End the work, from any thread; `result` raises GivenUp where it was not done yet."""
        self._given_up = True
        self._kill()

    def result(self) -> Result:
        """What the work gave, once: the process is gone when this returns.

        Raises what the work raised, WorkLost where there is no result, MemoryError beyond its memory.
        """
        try:
            left = self._limits.seconds - (time.monotonic() - self._began)
            if not self._pipe.poll(max(left, 0.0)):
                self._kill()
                raise WorkLost(f"took longer than {self._limits.seconds:g} seconds", was_late=True)
            try:
                has_failed, found = self._pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                raise self._lost() from error
        finally:
            self._tidy()
        if has_failed:
            raise found
        return found  # type: ignore[no-any-return]

    def _lost(self) -> WorkLost:
        if self._given_up:
            return GivenUp()
        wait([self._process.sentinel])
        with _ASKING:
            return WorkLost(cause_of_end(self._process.exitcode))

    def _kill(self) -> None:
        with _ASKING:
            if not self._is_gone and self._process.is_alive():  # its number may be another's by now
                self._process.kill()

    def _tidy(self) -> None:
        self._pipe.close()
        if not wait([self._process.sentinel], 5.0):
            self._kill()
            wait([self._process.sentinel])
        with _ASKING:
            self._process.join()
            self._process.close()  # the sentinel would stay open until the garbage is collected
            self._is_gone = True


def _do(pipe: Connection, work: Callable[[], object], memory_bytes: int) -> None:
    end_with_parent()
    _limit_memory(memory_bytes)
    try:
        answer = ForkingPickler.dumps((False, work()))
    except MemoryError:
        answer = ForkingPickler.dumps((True, MemoryError("the work needed more memory than it may have")))
    except Exception as error:
        answer = ForkingPickler.dumps((True, _fit_to_travel(error)))
    with suppress(OSError):  # nobody listens any more
        pipe.send_bytes(answer)


def _fit_to_travel(error: Exception) -> Exception:
    """The error, or its words where it cannot be pickled and made again."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes beyond those that it has."""
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * _PAGE
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = now + more
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
