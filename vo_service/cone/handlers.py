"""``/cone/{schema.table}`` over HTTP: a cone search in each table that has positions (SCS, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities.cone import CONE_SEARCH
from vo_service.asking.answers import Answering
from vo_service.asking.door import Door, Manners, Wish
from vo_service.asking.queries import Asked, Queries
from vo_service.cone.errors import cone_reply
from vo_service.cone.request import read_request
from vo_service.cone.tables import ConeTable
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.formats import response_format
from vo_service.dali.parameters import Form
from vo_service.formats import Format


class ConeHandler:
    """The handler of all tables, with what it needs."""

    def __init__(self, door: Door, queries: Queries, tables: Mapping[str, ConeTable]) -> None:
        self._door = door
        self._queries = queries
        self._tables = tables

    def routes(self) -> list[Route]:
        """Where the handler is mounted."""
        return [Route("/cone/{table}", self.search, methods=["GET", "POST"])]

    async def search(self, request: Request) -> Response:
        """The rows of a table in a cone; errors in the format that was asked for."""
        table = self._tables.get(request.path_params["table"].lower())
        if table is None:
            return await self._door.answer(request, Manners(self._format, self._refused, cone_reply))
        manners = Manners(response_format, partial(self._answering, table), cone_reply)
        return await self._door.answer(request, manners)

    def _format(self, form: Form) -> Format:
        """The format that the missing of a table is told in; a wrong one is the lesser trouble."""
        try:
            return response_format(form)
        except ServiceError as error:
            raise self._missing() from error

    def _refused(self, wish: Wish) -> NoReturn:
        raise self._missing()

    def _missing(self) -> ServiceError:
        return ServiceError(
            ErrorKind.NOT_FOUND,
            "There is no table of this name that has positions.",
            f"Those are {', '.join(self._tables)}.",
        )

    def _answering(self, table: ConeTable, wish: Wish) -> Answering:
        for part in wish.asker.parts.values():  # files mean nothing here
            part.close()
        request = read_request(wish.form, wish.format)
        asked = Asked(
            table.adql(request.lon, request.lat, request.radius, request.verbosity),
            CONE_SEARCH,
            request.format,
            maxrec=0 if wish.head else request.maxrec,
            runid=request.runid,
            echo=request.echo,
            describe=table.described,
        )
        return self._queries.answering(asked, wish.asker)
