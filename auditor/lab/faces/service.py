"""Service instance, session manager and event manager of a simulated vCenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyVmomi import vim, vmodl

from auditor.lab.faces.inventory import ROOT
from auditor.lab.vcenter.sessions import Session
from auditor.lab.vcenter.state import LabVCenter
from auditor.lab.wire.soap import SoapObject, current_soap_call, fault, operation, prop


class ServiceInstanceFace(SoapObject):
    """The service instance: where every client starts."""

    kind = vim.ServiceInstance

    def __init__(self, vcenter: LabVCenter) -> None:
        super().__init__("ServiceInstance")
        self._vcenter = vcenter

    @operation("CurrentTime")
    def current_time(self) -> Any:
        """vCenter's clock."""
        return self._vcenter.clock()

    @prop("serverClock")
    def server_clock(self) -> Any:
        """vCenter's clock."""
        return self._vcenter.clock()

    @operation("RetrieveServiceContent")
    def retrieve_content(self) -> Any:
        """The managers and what vCenter says of itself."""
        return vim.ServiceInstanceContent(
            rootFolder=vim.Folder(ROOT),
            propertyCollector=vmodl.query.PropertyCollector("propertyCollector"),
            viewManager=vim.view.ViewManager("ViewManager"),
            sessionManager=vim.SessionManager("SessionManager"),
            eventManager=vim.event.EventManager("EventManager"),
            searchIndex=vim.SearchIndex("SearchIndex"),
            scheduledTaskManager=vim.scheduler.ScheduledTaskManager("ScheduledTaskManager"),
            about=self._about(),
        )

    @prop("content")
    def content(self) -> Any:
        """The same, as a property."""
        return self.retrieve_content()

    def _about(self) -> Any:
        release, build = self._vcenter.release, self._vcenter.database.build
        name = "VMware vCenter Server"
        return vim.AboutInfo(
            name=name,
            fullName=f"{name} {release.product_version} build-{build}",
            vendor="VMware, Inc.",
            version=release.product_version,
            build=build,
            localeVersion="INTL",
            localeBuild="000",
            osType="linux-x64",
            productLineId="vpx",
            apiType="VirtualCenter",
            apiVersion=release.api,
            instanceUuid=self._vcenter.instance_uuid,
            licenseProductName="VMware VirtualCenter Server",
            licenseProductVersion=".".join(release.product_version.split(".")[:2]),
        )


class SessionManagerFace(SoapObject):
    """Login and logout."""

    kind = vim.SessionManager

    def __init__(self, vcenter: LabVCenter, forget: Callable[[str], None]) -> None:
        super().__init__("SessionManager")
        self._vcenter, self._forget = vcenter, forget

    @operation("Login")
    def login(self, userName: str, password: str, locale: str | None) -> Any:  # noqa: N803 (VMODL parameter name)
        """A session; its id goes out as a cookie. Raises InvalidLogin."""
        session = self._vcenter.login(userName, password, "SOAP")
        if session is None:
            raise fault(vim.fault.InvalidLogin, "Cannot complete login due to an incorrect user name or password.")
        current_soap_call().set_session = session.id
        return _user_session(session, locale or "en")

    @operation("Logout")
    def logout(self) -> None:
        """End the session with its views and filters."""
        session = current_soap_call().session or ""
        self._vcenter.sessions.end(session)
        self._forget(session)

    @prop("currentSession")
    def current_session(self) -> Any | None:
        """The caller's session, or nothing before the login."""
        session = self._vcenter.sessions.find(current_soap_call().session)
        return None if session is None else _user_session(session, "en")

    @prop("sessionList")
    def session_list(self) -> list[Any]:
        """All open sessions."""
        return [_user_session(session, "en") for session in self._vcenter.sessions.all()]

    @prop("defaultLocale")
    def default_locale(self) -> str:
        """English."""
        return "en"


def _user_session(session: Session, locale: str) -> Any:
    return vim.UserSession(
        key=session.key,
        userName=session.user,
        fullName=session.user,
        loginTime=session.created,
        lastActiveTime=session.last_used,
        locale=locale,
        messageLocale="en",
        extensionSession=False,
        ipAddress="127.0.0.1",
        userAgent=current_soap_call().headers.get("user-agent", ""),
        callCount=session.calls,
    )


class EventManagerFace(SoapObject):
    """The event history, as far as its newest entry."""

    kind = vim.event.EventManager

    def __init__(self, vcenter: LabVCenter) -> None:
        super().__init__("EventManager")
        self._vcenter = vcenter

    @prop("latestEvent")
    def latest_event(self) -> Any | None:
        """The newest event. Everything but logins is a GeneralEvent: the real classes are not told apart here."""
        events = self._vcenter.database.events
        if not events:
            return None
        event = events[-1]
        common = {
            "key": event.key,
            "chainId": event.key,
            "createdTime": event.time,
            "userName": event.user,
            "fullFormattedMessage": event.message,
        }
        if event.login_session is not None:
            return vim.event.UserLoginSessionEvent(**common, ipAddress="127.0.0.1", locale="en", sessionId=event.login_session)
        return vim.event.GeneralEvent(**common, message=event.message)

    @prop("maxCollector")
    def max_collector(self) -> int:
        """Event collectors are not simulated."""
        return 0
