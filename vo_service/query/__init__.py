"""The one way to ask: a query, a viewer, a snapshot; an Arrow stream with described columns comes back."""

from vo_service.query.ahead import read_ahead
from vo_service.query.answers import ProbeAnswers
from vo_service.query.ask import ask, engine_plan
from vo_service.query.model import Answer, Context, Question
from vo_service.query.names import Targets
from vo_service.query.plans import PlanKey, Plans
from vo_service.query.probing import ProbeLimits
from vo_service.query.resolver import Resolver
from vo_service.query.stopping import Stop
from vo_service.query.uploads import Upload, UploadError, upload_of, upload_of_moc

__all__ = [
    "Answer",
    "Context",
    "PlanKey",
    "Plans",
    "ProbeAnswers",
    "ProbeLimits",
    "Question",
    "Resolver",
    "Stop",
    "Targets",
    "Upload",
    "UploadError",
    "ask",
    "engine_plan",
    "read_ahead",
    "upload_of",
    "upload_of_moc",
]
