"""From a thread that makes bytes to a client that takes them, with little waiting (design 5.7, 5.10)."""

from vo_service.dali.streams.lane import Lane
from vo_service.dali.streams.pump import Cancellation, ClientGone, Pump, StalledReader, Work
from vo_service.dali.streams.reply import PumpedResponse, first_piece
from vo_service.dali.streams.spool import Spool, SpoolClosed, SpoolLimits, SpoolRoom
from vo_service.dali.streams.turns import Turns

__all__ = [
    "Cancellation",
    "ClientGone",
    "Lane",
    "Pump",
    "PumpedResponse",
    "Spool",
    "SpoolClosed",
    "SpoolLimits",
    "SpoolRoom",
    "StalledReader",
    "Turns",
    "Work",
    "first_piece",
]
