"""The one way to ask: a query, a viewer, a snapshot; an Arrow stream with described columns comes back."""

from vo_service.query.ask import ask
from vo_service.query.model import Answer, Context, Question

__all__ = ["Answer", "Context", "Question", "ask"]
