"""ADQL 2.1 as a compiler: text -> tree -> resolved against what is published -> plan -> SQL of an engine.

Each stage takes the former's type, so that nothing which was not resolved can be written.
"""

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.explain import explain
from vo_service.adql.function_forms import Function
from vo_service.adql.functions import FUNCTIONS
from vo_service.adql.names import Names, UnknownName
from vo_service.adql.parser import parse
from vo_service.adql.plan import Plan, plan_query
from vo_service.adql.printing import print_tree
from vo_service.adql.probes import Probe
from vo_service.adql.resolve import resolve
from vo_service.adql.resolved_queries import Resolved
from vo_service.adql.tree import Tree
from vo_service.adql.write import Written, write

__all__ = [
    "FUNCTIONS",
    "AdqlError",
    "Function",
    "Names",
    "Place",
    "Plan",
    "Probe",
    "Resolved",
    "Tree",
    "UnknownName",
    "Written",
    "explain",
    "parse",
    "plan_query",
    "print_tree",
    "resolve",
    "write",
]
