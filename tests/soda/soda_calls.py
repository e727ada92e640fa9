"""The calls that a descriptor suggests: each of its limits and options, with what it cannot be without."""

from __future__ import annotations

from collections.abc import Iterator

from vo_service.dali.descriptors import InputParam, ServiceDescriptor
from vo_service.dali.parameters import Form
from vo_service.soda.request import Request, read_requests


def params_of(service: ServiceDescriptor) -> dict[str, InputParam]:
    return {one.name: one for one in service.inputs}


def limit_values(param: InputParam) -> list[str]:
    """All that a parameter's limits say can be asked."""
    found = [option.value for option in param.options]
    if param.xtype == "interval" and param.minimum and param.maximum:
        low, high = param.minimum, param.maximum
        between = (float(low) + float(high)) / 2
        middle = str(int(between)) if param.datatype == "int" else repr(between)
        found += [f"{low} {low}", f"{high} {high}", f"{middle} {middle}", f"{low} {high}"]
    elif param.maximum:
        found.append(param.maximum)
    return found


def calls_of(service: ServiceDescriptor) -> Iterator[list[tuple[str, str]]]:
    """The calls that a descriptor's limits suggest, each parameter alone, with what it belongs to."""
    params = params_of(service)
    fixed = [(name, one.value) for name, one in params.items() if one.value]
    made = [(name, params[name].options[0].value) for name in ("MOMENT", "SPECTRUM") if name in params]
    yield fixed + made
    for name, one in params.items():
        for value in limit_values(one):
            call = [pair for pair in fixed + made if pair[0] != name] + [(name, value)]
            if name == "SPECSYS":
                call.append(("BAND", "-Inf +Inf"))
            if name == "OUTSIDE":
                call.append(("CIRCLE", params["CIRCLE"].maximum or ""))
            if name == "VELDEF" and "MOMENT" not in params:
                if not params["LINE"].options:
                    continue
                call.append(("LINE", params["LINE"].options[0].value))
            yield call


def request_of(service: ServiceDescriptor, call: list[tuple[str, str]]) -> Request:
    mode = "async" if service.access_url.endswith("async") else "sync"
    (request,) = read_requests(Form.of(call), mode)
    return request
