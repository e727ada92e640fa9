"""ADQL 2.1 as a compiler: text -> tree -> resolved against what is published -> plan -> SQL of an engine.

Each stage takes the former's type, so that nothing which was not resolved can be written.
"""

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.explain import explain
from vo_service.adql.functions.forms import Function
from vo_service.adql.functions.table import FUNCTIONS
from vo_service.adql.language.features import FEATURES, LANGUAGES, VERSIONS, Feature, declared
from vo_service.adql.language.parser import parse
from vo_service.adql.language.parser_cursor import MAX_NESTING
from vo_service.adql.language.printing import print_tree
from vo_service.adql.language.tokens import MAX_TEXT
from vo_service.adql.language.tree import Tree
from vo_service.adql.meaning.origins import Origin
from vo_service.adql.meaning.resolve import resolve
from vo_service.adql.names import Names, UnknownName
from vo_service.adql.nodes.resolved_queries import Resolved
from vo_service.adql.planning.plan import Plan, plan_query
from vo_service.adql.probes import Ask, FootprintProbe, Probe, TooManyCandidates
from vo_service.adql.writing.write import write
from vo_service.adql.writing.written import Uploaded, Written

__all__ = [
    "FEATURES",
    "FUNCTIONS",
    "LANGUAGES",
    "MAX_NESTING",
    "MAX_TEXT",
    "VERSIONS",
    "AdqlError",
    "Ask",
    "Feature",
    "FootprintProbe",
    "Function",
    "Names",
    "Origin",
    "Place",
    "Plan",
    "Probe",
    "Resolved",
    "TooManyCandidates",
    "Tree",
    "UnknownName",
    "Uploaded",
    "Written",
    "declared",
    "explain",
    "parse",
    "plan_query",
    "print_tree",
    "resolve",
    "write",
]
