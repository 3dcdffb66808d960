"""A session on the JSON-RPC side of a vCenter through the official ``vmware-vcenter`` SDK, with the gate before the wire.

The SDK's ``create_vsphere_client`` is not used: it has no timeout, a pool of eight, and a finaliser that ends the session
under other threads. The connection here is ours (``http``): no redirects, no environment proxies or CA bundles, own trust,
pool as large as the number of threads, bounds on every call. One stub configuration is shared by all threads (measured to
be safe).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

from com.vmware.cis_client import Session
from com.vmware.vapi.std import errors_client
from vmware.vapi.bindings.error import VapiError
from vmware.vapi.protocol.client.http_lib import HTTPResponse
from vmware.vapi.protocol.client.msg.json_connector import get_protocol_connector
from vmware.vapi.protocol.client.rpc.provider import HTTPProvider
from vmware.vapi.provider.filter import ApiProviderFilter
from vmware.vapi.security.session import create_session_security_context
from vmware.vapi.security.user_password import create_user_password_security_context
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory

from auditor.domain.observation import Reason
from auditor.errors import AuditorError, SessionEndedError
from auditor.masking import masked, remember_session
from auditor.vcenter.bounds import json_text
from auditor.vcenter.faults import SERVICE_UNAVAILABLE, refused, transport_fault, unanswered
from auditor.vcenter.http import Http, HttpError, closing
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import Endpoint

PATH = "/api"
NOT_FOUND = 404


class _Provider(HTTPProvider):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's way to the wire: our transport. What it gives back is text, which the SDK takes apart."""

    def __init__(self, http: Http) -> None:
        super().__init__()
        self._http = http

    def connect(self) -> _Provider:
        return self

    def disconnect(self) -> None:
        """The session closes the connections."""

    def do_request(self, request: Any) -> HTTPResponse:
        answer = self._http.request(str(request.method), PATH, request.body, request.headers)
        if answer.status == NOT_FOUND:
            raise HttpError(Reason.NOT_SUPPORTED, f"no vAPI endpoint at {PATH} (HTTP 404)", status=NOT_FOUND)
        if answer.status >= 400:
            raise refused(answer, Reason.UNREACHABLE if answer.status == SERVICE_UNAVAILABLE else Reason.FAILED)
        return HTTPResponse(answer.status, answer.headers, json_text(answer.body, self._http.endpoint.where))


class _GateFilter(ApiProviderFilter):  # type: ignore[misc]  # the SDK is untyped
    """The last place of ours before the SDK serialises a call."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def invoke(self, service_id: str, operation_id: str, input_value: Any, ctx: Any) -> Any:
        self._gate.check("vapi", (service_id,), operation_id)
        return super().invoke(service_id, operation_id, input_value, ctx)


class VapiSession:
    """One login, shared by any number of threads. Logs in at the first call, and once again when the session has ended.

    As on the SOAP side, a login that failed is not tried again. ``version`` is the vCenter's ("8.0.3"), empty if unknown:
    it tells "this version does not have it" from "it did not work" before anything is sent.
    """

    def __init__(self, endpoint: Endpoint, password: Callable[[], str], gate: Gate | None = None) -> None:
        self.endpoint = endpoint
        self.gate = gate or Gate()
        self.version = ""
        self._password = password
        self._lock = threading.Lock()
        self._http: Http | None = None
        self._connector: Any = None
        self._configuration: Any = None
        self._session_id = ""
        self._generation = 0
        self._failed: AuditorError | None = None

    def __repr__(self) -> str:
        return f"VapiSession({self.endpoint.where})"

    def call(self, service: Any, operation: str, **arguments: Any) -> Any:
        """Call ``operation`` of the SDK interface class ``service``. Raises ``UnansweredError`` or ``TrustError``."""
        what = self._known(service, operation)
        generation = self._login(0)
        try:
            return self._invoke(service, operation, arguments)
        except errors_client.Unauthenticated:
            self._login(generation + 1)
        except AuditorError:
            raise  # as it is: as its own cause it would never be freed, nor the answer in its frames
        except Exception as error:
            raise self.translated(error, what) from error
        try:
            return self._invoke(service, operation, arguments)
        except AuditorError:
            raise
        except Exception as error:
            raise self.translated(error, what) from error

    def login(self) -> None:
        """Be logged in; a session that is there is not looked at. Raises like ``call``."""
        self._login(0)

    def call_once(self, service: Any, operation: str, **arguments: Any) -> Any:
        """As ``call``, but a session that has ended is not renewed: vCenter may have been restarted or restored since the
        caller last looked. Raises ``SessionEndedError`` then; nothing was done."""
        what = self._known(service, operation)
        self._login(0)
        try:
            return self._invoke(service, operation, arguments)
        except errors_client.Unauthenticated as error:
            raise SessionEndedError(
                f"vCenter no longer knows the session of {self.endpoint.user}: it expired, or vCenter was restarted",
                where=self.endpoint.where,
                tried=what,
                hint="nothing was done by this call; look at vCenter again before going on",
            ) from error
        except AuditorError:
            raise
        except Exception as error:
            raise self.translated(error, what) from error

    def _known(self, service: Any, operation: str) -> str:
        """The operation for messages. Raises ``UnansweredError`` when this vCenter is known to be too old for it."""
        service_id = service._VAPI_SERVICE_ID  # noqa: SLF001  # the SDK offers no other way to the canonical name
        name = f"{operation.removesuffix('_task')}$task" if operation.endswith("_task") else operation
        listed = self.gate.allowed.get(("vapi", service_id, name))
        if listed is not None and listed.missing_in(self.version):
            raise unanswered(Reason.NOT_SUPPORTED, f"not in {self.version} ({service_id}.{name} came with {listed.since})")
        return f"{service_id.removeprefix('com.vmware.')}.{name}"

    @property
    def failed(self) -> AuditorError | None:
        """Why there is no login and none will be tried."""
        return self._failed

    def transfer(self) -> dict[str, str]:
        """The header that names our login, for files beside the API. Raises like ``call``."""
        self._login(0)
        with self._lock:
            if self._http is None or not self._session_id:
                raise unanswered(Reason.FAILED, f"{self.endpoint.where}: the session was closed")
            return {"vmware-api-session-id": self._session_id}

    def close(self) -> None:
        """End the session. Never raises: one that cannot be ended expires by itself."""
        with self._lock:
            configuration, http, self._configuration, self._http = self._configuration, self._http, None, None
        if configuration is not None:
            with suppress(Exception), closing():
                Session(configuration).delete()
        if http is not None:
            http.close()

    def _invoke(self, service: Any, operation: str, arguments: dict[str, Any]) -> Any:
        with nullcontext() if self._http is None else self._http.taking_apart():
            return getattr(service(self._configuration), operation)(**arguments)

    def _login(self, wanted: int) -> int:
        """Be logged in at least for the ``wanted``-th time; the number of the present login."""
        with self._lock:
            if self._failed is not None:
                raise self._failed.with_traceback(None)
            if self._configuration is not None and self._generation >= max(wanted, 1):
                return self._generation
            try:
                self._connect()
            except Exception as error:
                self._failed = self.translated(error, "login")
                raise self._failed from error
            self._generation += 1
            return self._generation

    def _connect(self) -> None:
        endpoint = self.endpoint
        self._http = self._http or Http(endpoint)
        connector = get_protocol_connector(_Provider(self._http), provider_filter_chain=[_GateFilter(self.gate)])
        connector.set_security_context(create_user_password_security_context(endpoint.user, self._password()))
        configuration = StubConfigurationFactory.new_std_configuration(connector)
        with self._http.taking_apart():
            session_id = Session(configuration).create()
        if not isinstance(session_id, str) or not session_id:
            raise unanswered(Reason.UNREADABLE, f"{endpoint.where}: the login gave no session id")
        remember_session(session_id)
        connector.set_security_context(create_session_security_context(session_id))
        self._connector, self._configuration, self._session_id = connector, configuration, session_id

    def translated(self, error: Exception, what: str) -> AuditorError:
        """The meaning of any exception the SDK raises, or of the error a task ended with."""
        where = self.endpoint.where
        if isinstance(error, VapiError):
            return self._vapi_error(error, what)
        known = transport_fault(error, f"{where}: {what}")
        if known is not None:
            return known
        detail = f"{where}: {what}: the answer was not understood ({type(error).__name__}: {masked(str(error))})"
        return unanswered(Reason.UNREADABLE, detail[:500])

    def _vapi_error(self, error: Any, what: str) -> AuditorError:
        where, user = self.endpoint.where, self.endpoint.user
        text = _message(error)
        if isinstance(error, errors_client.Unauthenticated):
            cause = "wrong user name or password, or account locked" if what == "login" else "the session ended again"
            return unanswered(Reason.DENIED, f"{where}: {what}: not authenticated as {user}: {cause}")
        if isinstance(error, errors_client.Unauthorized):
            return unanswered(Reason.DENIED, f"{where}: {what}: {user} lacks the privilege {self._privilege(what)}")
        if isinstance(error, errors_client.OperationNotFound):
            return unanswered(Reason.NOT_SUPPORTED, f"not in {self.version or 'this vCenter'} ({what})")
        return unanswered(reason_of(error), f"{where}: {what}: {type(error).__name__}: {text}".rstrip(": "))

    def _privilege(self, what: str) -> str:
        service, _, operation = f"com.vmware.{what}".rpartition(".")
        listed = self.gate.allowed.get(("vapi", service, operation))
        return listed.privilege if listed and listed.privilege else "(not documented)"


# By class, not by error_type: that field is younger than the errors, and old servers leave it out.
_REASONS: tuple[tuple[type[VapiError], Reason], ...] = (
    (errors_client.Unauthenticated, Reason.DENIED),
    (errors_client.Unauthorized, Reason.DENIED),
    (errors_client.OperationNotFound, Reason.NOT_SUPPORTED),
    (errors_client.NotFound, Reason.ABSENT),
    (errors_client.ServiceUnavailable, Reason.UNREACHABLE),
    (errors_client.TimedOut, Reason.TIMED_OUT),
    (errors_client.Unsupported, Reason.NOT_SUPPORTED),
    (errors_client.ResourceInaccessible, Reason.UNREACHABLE),
    (errors_client.UnverifiedPeer, Reason.UNTRUSTED),
)


def reason_of(error: VapiError) -> Reason:
    """Why there is no value when a call ended with this error."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.FAILED)


def _message(error: Any) -> str:
    """The first message of a vAPI error with its id: ids can be matched, texts are translated."""
    for message in getattr(error, "messages", None) or ():
        return f"{message.default_message} [{message.id}]"
    return ""
