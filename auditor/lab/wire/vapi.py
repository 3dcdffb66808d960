"""A vAPI server made of the official SDK's client stubs turned round.

Every client class of the SDK knows the input, output and error types, the validators and the REST mapping of its
operations. Handed to the runtime's `ApiInterfaceSkeleton` and `LocalProvider` they make a server that cannot give
an ill-typed answer: such an answer becomes an InternalServerError naming the field. This module knows no vSphere.

The runtime's server parts ship in the SDK but are not documented API, hence the pinned version of the dependency.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from com.vmware.vapi.std import errors_client as errors
from com.vmware.vapi.std_client import LocalizableMessage
from vmware.vapi.bindings import type as bindings
from vmware.vapi.bindings.converter import TypeConverter
from vmware.vapi.bindings.skeleton import ApiInterfaceSkeleton
from vmware.vapi.bindings.stub import StubConfiguration
from vmware.vapi.bindings.task_helper import get_non_task_operation_name
from vmware.vapi.core import ApiProvider, MethodResult
from vmware.vapi.lib.constants import TASK_OPERATION, TaskType
from vmware.vapi.lib.converter import Converter
from vmware.vapi.protocol.server.msg.json_handler import JsonApiHandler
from vmware.vapi.provider.local import LocalProvider

# The runtime logs each refused call with a stack trace; the caller gets the same as a typed error.
logging.getLogger("vmware.vapi").setLevel(logging.CRITICAL)


@dataclass
class Call:
    """Who is calling what: service and operation in canonical form, and the runtime's security context as a dict.

    A gate may set `user`, `stuck` for a task that is never to end, `fail` for one that ends with this error class,
    `invalid` for a validation that finds something, and `lost` or `unavailable` for what becomes of the answer.
    """

    service: str
    operation: str
    security: Mapping[str, Any]
    user: str = ""
    stuck: bool = False
    fail: str = ""
    invalid: bool = False
    lost: bool = False
    unavailable: bool = False


Gate = Callable[[Call], None]
"""Runs before an operation; raises a vAPI error to refuse it. Sleeping here holds no lock."""

_current = threading.local()


def current_call() -> Call:
    """The call this thread is serving. Only inside an operation."""
    call: Call = _current.call
    return call


def take_last_call() -> Call | None:
    """The call this thread served last, once: for whoever sends the answer."""
    call: Call | None = _current.__dict__.pop("call", None)
    return call


class VapiService:
    """Base of a served service: `stub` is the SDK's client class, each operation a method named as in Python.

    A task operation (`scan$task`) is the method `scan` and returns the task id. An operation without a method is
    answered with OperationNotFound by the runtime.
    """

    stub: ClassVar[Any]


def error(kind: Any, message_id: str, text: str, *args: str, **fields: Any) -> Exception:
    """A vAPI error to raise: class of `com.vmware.vapi.std.errors_client`, one message, the matching `error_type`."""
    message = LocalizableMessage(id=message_id, default_message=text, args=list(args), localized=text)
    name = kind.get_binding_type().definition.name.rsplit(".", 1)[1].upper()
    made: Exception = kind(messages=[message], error_type=getattr(errors.Error.Type, name, None), **fields)
    return made


def struct(cls: Any, **fields: Any) -> Any:
    """An SDK structure in which every required field not given has its type's zero value."""
    binding = cls.get_binding_type()
    for name in binding.get_field_names():
        python_name = cls._get_pep_name(name)
        if python_name not in fields:
            fields[python_name] = zero(binding.get_field(name))
    return cls(**fields)


def zero(binding: Any) -> Any:
    """The zero value of a binding type; None for optional ones and for times, which have no sensible zero."""
    if isinstance(binding, bindings.ReferenceType):
        binding = binding.resolved_type
    if isinstance(binding, bindings.StructType) and binding.binding_class is not None:
        return struct(binding.binding_class)
    for kinds, value in _ZEROS:
        if isinstance(binding, kinds):
            return value()
    return None


_ZEROS: Sequence[tuple[Any, Callable[[], Any]]] = (
    ((bindings.StringType, bindings.IdType, bindings.URIType, bindings.SecretType), str),
    (bindings.BooleanType, bool),
    (bindings.IntegerType, int),
    (bindings.DoubleType, float),
    (bindings.ListType, list),
    (bindings.SetType, set),
    (bindings.MapType, dict),
)


class _NoConnector:
    """What a stub needs in order to be built and never used as a client."""

    @staticmethod
    def get_api_provider() -> None:
        return None


@dataclass(frozen=True)
class Operation:
    """What the stub tells about one operation."""

    service: str
    name: str
    input_type: Any
    output_type: Any
    rest: Any

    @property
    def is_task(self) -> bool:
        """Answered with a task id, 202 in REST."""
        return self.name.endswith(TASK_OPERATION)


class _GatedProvider(ApiProvider):  # type: ignore[misc]  # the SDK has no types
    def __init__(self, inner: LocalProvider, gate: Gate, lock: Any) -> None:
        self._inner, self._gate, self._lock = inner, gate, lock

    def invoke(self, service_id: str, operation_id: str, input_value: Any, ctx: Any) -> Any:
        call = Call(service_id, operation_id, dict(ctx.security_context or {}))
        _current.call = call
        try:
            self._gate(call)
        except errors.Error as refused:
            return MethodResult(error=TypeConverter.convert_to_vapi(refused, type(refused).get_binding_type()))
        with self._lock:
            return self._inner.invoke(service_id, operation_id, input_value, ctx)


class VapiServer:
    """Serves `services` over JSON-RPC; `rest.RestFace` serves the same objects as REST.

    `available(service, operation)` says whether the simulated version has the operation, `gate` refuses, delays or
    breaks calls before they are run, `lock` is held while one runs.
    """

    def __init__(
        self,
        services: Sequence[VapiService],
        *,
        available: Callable[[str, str], bool],
        gate: Gate,
        lock: Any,
    ) -> None:
        local = LocalProvider(load_introspection=False)
        self.operations: list[Operation] = []
        for service in services:
            interface, operations = _turn_round(service, available)
            if operations:
                local.add_interface(interface)
                self.operations.extend(operations)
        self.provider = _GatedProvider(local, gate, lock)
        self._handler = JsonApiHandler(self.provider, [])

    def handle(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        """Answer one JSON-RPC request; `headers` with lower-case names. Gives the body and extra headers."""
        answer, extra = self._handler.handle_request(_complete(body), headers)
        return bytes(answer), dict(extra)


def _complete(body: bytes) -> str:
    """The request with the empty parts that hand-made clients leave out and the runtime's handler cannot do without.
    What is no JSON object is passed on: the handler has the right error for it."""
    text = body.decode("utf-8", "replace")
    if '"appCtx"' in text and '"input"' in text:
        return text
    try:
        request = json.loads(text)
        parameters = request["params"]
        parameters.setdefault("ctx", {}).setdefault("appCtx", {})
        parameters.setdefault("input", {"STRUCTURE": {"operation-input": {}}})
    except (ValueError, TypeError, KeyError, AttributeError):
        return text
    return json.dumps(request)


def _turn_round(service: VapiService, available: Callable[[str, str], bool]) -> tuple[Any, list[Operation]]:
    client = service.stub(StubConfiguration(_NoConnector()))
    stub = client._api_interface  # noqa: SLF001 (the one place the types can be had from)
    service_id = stub.get_identifier().get_name()
    served, methods, operations = {}, SimpleNamespace(), []
    for name, described in stub._operations.items():  # noqa: SLF001
        python_name = Converter.canonical_to_pep(get_non_task_operation_name(name))
        method = getattr(service, python_name, None)
        if method is None or not available(service_id, name):
            continue
        # Task type NONE: our method starts the task itself and returns its id.
        served[name] = {**described, "errors": list(described["errors"].values()), "task_type": TaskType.NONE}
        setattr(methods, python_name, method)
        mapped = stub._rest_metadata  # noqa: SLF001
        rest = mapped.get(name) or mapped.get(get_non_task_operation_name(name))
        operations.append(Operation(service_id, name, described["input_type"], described["output_type"], rest))
    return ApiInterfaceSkeleton(service_id, methods, served, error_types=[]), operations
