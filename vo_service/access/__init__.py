"""Who may see what, by the clock: the one rule, in Python and as an expression for the engines."""

from vo_service.access.rights import PROPRIETARY, PUBLIC, Rights
from vo_service.access.scopes import READ_ALL
from vo_service.access.sources import ColumnSources, link_expression, rights_expression
from vo_service.access.viewer import ANONYMOUS, Viewer

__all__ = [
    "ANONYMOUS",
    "PROPRIETARY",
    "PUBLIC",
    "READ_ALL",
    "ColumnSources",
    "Rights",
    "Viewer",
    "link_expression",
    "rights_expression",
]
