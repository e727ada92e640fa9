"""Where results are computed: a few processes at a time, the clients in turn, each piece of work within
limits and ended as soon as nobody waits for it (design 5.9)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext
from typing import Protocol, TypeVar

from vo_service.dali.admission import Admission
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError, usage
from vo_service.dali.streams import Cancellation, ClientGone, Turns
from vo_service.pixels.processes import GivenUp, NotStarted, WorkLimits, WorkLost, Workplace

Result = TypeVar("Result")


class Workshop:
    """Runs pieces of work, ``slots`` at a time, for clients that wait ``patience`` seconds for their turn.
    Safe to use from any thread."""

    def __init__(
        self,
        context: ForkServerContext,
        slots: int,
        limits: WorkLimits,
        admission: Admission,
        patience: float,
    ) -> None:
        self._context = context
        self.limits = limits
        self._admission = admission
        self._patience = patience
        self._executor = ThreadPoolExecutor(slots, thread_name_prefix="compute")
        self._turns = Turns(self._executor, slots)

    def close(self) -> None:
        """Nothing more is begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def admitted(self, client: str) -> Iterator[None]:
        """While the block lasts the client waits for a result, whether it is made for it or for somebody else
        who asked before. Raises ServiceError (429) beyond a limit."""
        over = self._admission.admit(client)
        try:
            yield
        finally:
            over()

    def run(self, client: str, work: Callable[[], Result], cancellation: Cancellation) -> Result:
        """The result of ``work``, which is done in a process when it is the client's turn.

        Raises what the work raises; ClientGone where ``cancellation`` came first; ServiceError: 503 where it
        cannot begin, and as `run_now`.
        """
        done: Future[Result] = Future()
        begun = threading.Event()

        def do() -> None:
            begun.set()
            try:
                done.set_result(self.run_now(work, cancellation, self.limits))
            except BaseException as error:
                done.set_exception(error)

        turns: list[Future[None]] = []
        # before the work can begin, which has a word of its own for the cancellation
        cancellation.on_cancel(partial(_withdraw, turns))
        try:
            turn = self._turns.submit(client, do)
        except RuntimeError as error:
            raise _busy() from error
        turn.add_done_callback(lambda ended: begun.set())
        turns.append(turn)
        if cancellation.requested:
            turn.cancel()
        if not begun.wait(self._patience):
            turn.cancel()
        if turn.cancelled():
            cancellation.on_cancel(None)
            raise ClientGone if cancellation.requested else _busy()
        return done.result()

    def run_now(
        self, work: Callable[[], Result], cancellation: Cancellation, limits: WorkLimits | None = None
    ) -> Result:
        """The same at once, for those who have a turn of their own, such as jobs.

        Raises ServiceAway where no process can be started, and ServiceError: 503 where it took too long or
        died, 400 where it wanted too much memory.
        """
        limits = limits or self.limits
        try:
            place = Workplace(self._context, work, limits)
            cancellation.on_cancel(place.give_up)
            return place.result()
        except GivenUp as error:
            raise ClientGone from error
        except NotStarted as error:
            raise ServiceAway(f"The process that computes results {error}.") from error
        except WorkLost as error:
            raise _lost(error, limits) from error
        except MemoryError as error:
            raise usage(
                f"The result needs more memory than the {limits.memory_bytes} bytes that it may have here.",
                "Ask for a smaller part.",
            ) from error
        finally:
            cancellation.on_cancel(None)


def _withdraw(turns: list[Future[None]]) -> None:
    for turn in turns:
        turn.cancel()


def _busy() -> ServiceError:
    return ServiceError(ErrorKind.BUSY, "The service has no room to compute this result now.")


def _lost(error: WorkLost, limits: WorkLimits) -> ServiceError:
    if error.was_late:
        return ServiceError(
            ErrorKind.TIMEOUT,
            f"The result takes longer to compute than the {limits.seconds:g} seconds that it may.",
            "Ask for a smaller part, or ask as an asynchronous job.",
        )
    return ServiceError(ErrorKind.UNAVAILABLE, f"The process that computed the result {error}.")


class Computing(Protocol):
    """How work is had done for somebody."""

    @property
    def seconds(self) -> float:
        """What a piece of work may take."""
        ...

    def admitted(self) -> AbstractContextManager[None]:
        """Stands round the whole wait for a result. Raises ServiceError (429)."""
        ...

    def run(self, work: Callable[[], None], cancellation: Cancellation) -> None:
        """As `Workshop.run`."""
        ...


@dataclass(frozen=True, slots=True)
class ForClient:
    """For a client who waits: in turn, and no more than it may have."""

    workshop: Workshop
    client: str

    @property
    def seconds(self) -> float:
        """As the workshop has it."""
        return self.workshop.limits.seconds

    def admitted(self) -> AbstractContextManager[None]:
        """One more that this client waits for."""
        return self.workshop.admitted(self.client)

    def run(self, work: Callable[[], None], cancellation: Cancellation) -> None:
        """When it is the client's turn."""
        self.workshop.run(self.client, work, cancellation)


@dataclass(frozen=True, slots=True)
class ForJob:
    """For a job, which has a slot already and a limit of its own."""

    workshop: Workshop
    limits: WorkLimits

    @property
    def seconds(self) -> float:
        """As the job has it."""
        return self.limits.seconds

    def admitted(self) -> AbstractContextManager[None]:
        """The job was admitted when it was made."""
        return nullcontext()

    def run(self, work: Callable[[], None], cancellation: Cancellation) -> None:
        """At once."""
        self.workshop.run_now(work, cancellation, self.limits)
