"""Alarms ring in the order of their times, once, and not when they were cancelled."""

from __future__ import annotations

import threading
import time

from vo_service.engines.clock import Clock


def test_alarms_ring_in_the_order_of_their_times() -> None:
    clock = Clock()
    rung: list[str] = []
    last = threading.Event()
    clock.set(2.0, lambda: (rung.append("late"), last.set())[0])
    clock.set(0.05, lambda: rung.append("early"))
    cancelled = clock.set(1.0, lambda: rung.append("never"))
    clock.set(60.0, lambda: rung.append("much later"))
    cancelled.cancel()
    assert last.wait(60)
    assert rung == ["early", "late"]
    clock.close()


def test_a_closed_clock_is_silent_and_its_thread_ends() -> None:
    others = set(threading.enumerate())
    clock = Clock()
    rung: list[str] = []
    clock.set(1.0, lambda: rung.append("never"))
    [thread] = set(threading.enumerate()) - others
    clock.close()
    thread.join(60)
    assert not thread.is_alive()
    time.sleep(1.2)
    assert rung == []


def test_an_alarm_after_silence_rings() -> None:
    clock = Clock()
    first, second = threading.Event(), threading.Event()
    clock.set(0.01, first.set)
    assert first.wait(60)
    time.sleep(0.05)
    clock.set(0.01, second.set)
    assert second.wait(60)
    clock.close()
