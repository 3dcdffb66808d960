"""A login that outlives restarts: a rollback watches a host for an hour, and vCenter may go away meanwhile.

A `SoapSession` that could not log in is dead for good, so that a sweep does not wait a thousand timeouts. Here it is replaced
at the next call when the reason may pass; a refused login is not tried again, since that locks the account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pyVmomi import vim

from auditor.domain.observation import Reason, host_key
from auditor.vcenter.faults import UnansweredError, unanswered
from auditor.vcenter.inventory import display_name, read_inventory, single_property
from auditor.vcenter.operations import Gate
from auditor.vcenter.settings import Endpoint
from auditor.vcenter.soap import SoapSession

T = TypeVar("T")

_BROKEN = {Reason.UNREACHABLE, Reason.CUT_OFF}
_PASSING = {*_BROKEN, Reason.TIMED_OUT, Reason.UNREADABLE}


class Link:
    """One vCenter, or one host's own API. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint, password: Callable[[], str], gate: Gate) -> None:
        self.endpoint, self.gate = endpoint, gate
        self._password = password
        self._lock = threading.Lock()
        self._session: SoapSession | None = None
        self._hosts: dict[str, str] = {}

    def call(self, function: Callable[[SoapSession, Any], T], *, again: Callable[[], bool] = lambda: True) -> T:
        """``function`` of the session and its ServiceContent. Raises ``UnansweredError`` or ``TrustError``.

        The first call after the other side was restarted finds a dead connection. It is done once more with a new session, if
        ``again`` says so: what may not be asked twice must not have been asked."""
        with self._lock:
            fresh = self._session is None
            session = self._session = self._session or SoapSession(self.endpoint, self._password, self.gate)
        try:
            return session.call(lambda content: function(session, content))
        except UnansweredError as error:
            if error.unread.reason in _PASSING:
                with self._lock:
                    if self._session is session:
                        self._session = None
                session.close()
            if error.unread.reason not in _BROKEN or fresh or not again():
                raise
        return self.call(function, again=lambda: False)

    def with_host(self, name: str, function: Callable[[Any, Any], T]) -> T:
        """``function`` of ServiceContent and the host called ``name``. That the id still stands for that name is looked at in
        the same breath: after a restore of vCenter it may not. An order in it is sent once. Raises as ``call``; ABSENT when no
        such host is listed."""
        begun = False

        def act(session: SoapSession, content: Any) -> T:
            nonlocal begun
            host = session.object(vim.HostSystem, self._hosts[host_key(name)])
            found = display_name(single_property(content, host, "name"))
            if content.about.apiType != "HostAgent" and host_key(found) != host_key(name):
                raise unanswered(Reason.ABSENT, f"{self.endpoint.where}: what was {name} is {found} now")
            begun = True
            return function(content, host)

        if host_key(name) not in self._hosts:
            self._find(name)
        try:
            return self.call(act, again=lambda: not begun)
        except UnansweredError as error:
            if error.unread.reason is Reason.ABSENT:
                self._hosts.pop(host_key(name), None)
            raise

    def _find(self, name: str) -> None:
        def look(session: SoapSession, content: Any) -> dict[str, str]:
            hosts = read_inventory(session).hosts
            if content.about.apiType == "HostAgent" and len(hosts) == 1:
                return {host_key(name): hosts[0].id}  # a host's own API has one host, whatever it calls itself
            return {host_key(host.name): host.id for host in hosts}

        found = self.call(look)
        if host_key(name) not in found:
            raise unanswered(Reason.ABSENT, f"{self.endpoint.where} lists no host {name}")
        self._hosts.update(found)

    def close(self) -> None:
        """Log out. Never raises."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()


__all__ = ["Link"]
