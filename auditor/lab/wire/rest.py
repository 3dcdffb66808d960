"""The REST form (`/api/...`) of the services of a `VapiServer`, from the REST mapping the SDK's stubs carry.

Checked facts of the form: maps are JSON objects, unset fields are left out, a task answers 202 with the task id as a
JSON string, errors are `{"error_type", "messages"}`; inside a task's (opaque) result maps are lists of key and value.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from vmware.vapi.bindings import type as bindings
from vmware.vapi.bindings.converter import RestConverter, TypeConverter
from vmware.vapi.core import ExecutionContext
from vmware.vapi.data.serializers.cleanjson import DataValueConverter, JsonDictToVapi
from vmware.vapi.data.value import VoidValue
from vmware.vapi.exception import CoreException
from vmware.vapi.lib.context import create_default_application_context
from vmware.vapi.rest.lib import vapi_to_http_error_map
from vmware.vapi.security.session import create_session_security_context
from vmware.vapi.security.user_password import create_user_password_security_context

from auditor.lab.wire.http import Request, Response
from auditor.lab.wire.vapi import Operation, VapiServer

PREFIX = "/api"


@dataclass(frozen=True)
class _Route:
    operation: Operation
    method: str
    pattern: re.Pattern[str]
    fixed: frozenset[tuple[str, str]]

    def matches(self, request: Request, path: str) -> re.Match[str] | None:
        if request.method != self.method or not self.fixed <= set(request.query):
            return None
        # `?action=` selects among operations of one path, so a request with an action only fits its own operation.
        if ("action" in dict(request.query)) != ("action" in dict(self.fixed)):
            return None
        return self.pattern.fullmatch(path)


class RestFace:
    """Answers REST requests below `/api`."""

    def __init__(self, server: VapiServer) -> None:
        self._provider = server.provider
        self._routes = [_route(operation) for operation in server.operations if operation.rest is not None]
        # The more fixed query parts, the more specific.
        self._routes.sort(key=lambda route: -len(route.fixed))

    def handle(self, request: Request) -> Response:
        """Answer one request; 404 with an error body for a path that is not served."""
        path = request.path.removeprefix(PREFIX)
        for route in self._routes:
            if match := route.matches(request, path):
                return self._call(route.operation, request, match)
        return _error(404, "NOT_FOUND", "com.vmware.vapi.rest.httpNotFound", "Not found.")

    def _call(self, operation: Operation, request: Request, match: re.Match[str]) -> Response:
        try:
            arguments = _arguments(operation, request, match)
            value = TypeConverter.convert_to_vapi(arguments, operation.input_type)
        except (CoreException, ValueError, TypeError, AttributeError) as wrong:
            return _error(400, "INVALID_ARGUMENT", "com.vmware.vapi.rest.badRequest", f"Bad request: {wrong}")
        context = ExecutionContext(create_default_application_context(), _security(request))
        result = self._provider.invoke(operation.service, operation.name, value, context)
        if not result.success():
            return _from_error(result.error)
        if isinstance(result.output, VoidValue):
            return Response(204)
        output = TypeConverter.convert_to_python(result.output, operation.output_type)
        plain = TypeConverter.convert_to_vapi(output, operation.output_type, RestConverter.SWAGGER_REST)
        created = request.method == "POST" and "action" not in dict(request.query)
        status = 202 if operation.is_task else 201 if created else 200
        return Response(status, DataValueConverter.convert_to_json(plain).encode())


def _route(operation: Operation) -> _Route:
    rest = operation.rest
    path, _, query = rest._url_template.partition("?")  # noqa: SLF001 (the runtime gives no public access)
    pattern = "".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", path)
    )
    fixed = set(parse_qsl(query, keep_blank_values=True))
    if operation.is_task:
        fixed.add(("vmw-task", "true"))
    return _Route(operation, rest.http_method, re.compile(pattern), frozenset(fixed))


def _security(request: Request) -> Any:
    if session := request.headers.get("vmware-api-session-id"):
        return create_session_security_context(session)
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(credentials).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return create_user_password_security_context(user, password)
    return None


def _arguments(operation: Operation, request: Request, match: re.Match[str]) -> dict[str, Any]:
    rest, input_type = operation.rest, operation.input_type
    query: dict[str, list[str]] = {}
    for name, value in request.query:
        query.setdefault(name, []).append(value)
    arguments: dict[str, Any] = {}
    for field in input_type.get_field_names():
        kind = input_type.get_field(field)
        if field == rest.request_body_parameter:
            arguments[field] = _from_body(request.body, kind)
        elif field in rest.get_path_variable_field_names():
            arguments[field] = unquote(match.group(rest._path_variables[field]))  # noqa: SLF001
        else:
            arguments[field] = _from_query(query, field, kind)
    return arguments


def _from_body(body: bytes, kind: Any) -> Any:
    if not body.strip():
        return None
    value = JsonDictToVapi().data_value(json.loads(body))
    return TypeConverter.convert_to_python(value, kind, rest_converter_mode=RestConverter.SWAGGER_REST)


def _from_query(query: dict[str, list[str]], name: str, kind: Any) -> Any:
    if isinstance(kind, bindings.OptionalType):
        kind = kind.element_type
    if isinstance(kind, bindings.ReferenceType):
        kind = kind.resolved_type
    if isinstance(kind, bindings.StructType):
        # The fields of a structure are query parameters of their own.
        fields = {field: _from_query(query, field, kind.get_field(field)) for field in kind.get_field_names()}
        return kind.binding_class(**fields) if any(value is not None for value in fields.values()) else None
    given = query.get(name)
    if not given:
        return None
    if isinstance(kind, bindings.ListType):
        return given
    if isinstance(kind, bindings.SetType):
        return set(given)
    if isinstance(kind, bindings.BooleanType):
        return given[0] == "true"
    if isinstance(kind, bindings.IntegerType):
        return int(given[0])
    return given[0]


def _from_error(value: Any) -> Response:
    body = json.loads(DataValueConverter.convert_to_json(value))
    # Errors made by the runtime itself carry no error_type; its values are the error names in upper case.
    body.setdefault("error_type", value.name.rsplit(".", 1)[1].upper())
    ordered = {"error_type": body.pop("error_type"), **body}
    return Response(vapi_to_http_error_map.get(value.name, 500), json.dumps(ordered).encode())


def _error(status: int, error_type: str, message_id: str, text: str) -> Response:
    message = {"args": [], "default_message": text, "localized": text, "id": message_id}
    return Response(status, json.dumps({"error_type": error_type, "messages": [message]}).encode())
