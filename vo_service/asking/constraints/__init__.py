"""Constraints of data sets, for all services that answer with rows of ``ivoa.obscore``: those of SIA 2.0, and
coverage maps.

TABLE                      the constraints (``parameters``)
read_constraints(form)     those that a request has (``wanted``)
Constraints.condition()    the same as a condition in ADQL, with the tables that it reads
"""

from vo_service.asking.constraints.parameters import IMAGES, MOST_VALUES, NUMBERS, TABLE, Constraint
from vo_service.asking.constraints.wanted import Condition, Constraints, read_constraints

__all__ = [
    "IMAGES",
    "MOST_VALUES",
    "NUMBERS",
    "TABLE",
    "Condition",
    "Constraint",
    "Constraints",
    "read_constraints",
]
