"""Builds what looks at hosts before a rollback, and, for write commands alone, what changes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli import output, wiring
from auditor.domain.image import DesiredImage
from auditor.domain.observation import Read, Reading, Reason, Route, Unread, value_of
from auditor.domain.rollback.control import Evacuation
from auditor.domain.rollback.decision import Limits
from auditor.domain.rollback.plan import Method, RollbackPlan
from auditor.domain.settings.past import PastSettings
from auditor.errors import AuditorError, ConfigError, RefusedError
from auditor.ports import Clock, HostControl, HostTarget
from auditor.workflows.rollback.means import Hands, Means, NoChecks, Pace, Sight, Tell

if TYPE_CHECKING:
    from auditor.backup.sealing import Key
    from auditor.backup.vault import Vault as FolderVault
    from auditor.config import Config
    from auditor.domain.settings.values import HostSettings
    from auditor.esxi.host import SshHostReader
    from auditor.vcenter.hostapi import HostApiSettings
    from auditor.vcenter.surroundings import VCenterSurroundings

IMAGE_AGE = 30.0
"""Seconds for which a cluster's image is not asked for again: all hosts of a cluster are looked at together."""


@contextmanager
def sight(config: Config) -> Iterator[Sight]:
    """Everything that looks; nothing in it can change anything. Asks for all secrets first. Raises ``ConfigError``."""
    with _sight(config) as (made, _):
        yield made


@contextmanager
def means(
    config: Config, plan: RollbackPlan | None, tell: Tell, vault: FolderVault, *, evacuation: Evacuation | None = None
) -> Iterator[Means]:
    """What a run acts with. ``plan`` None: for fetching bundles. The hand for the byte is made only for an unattended plan, and
    arms only where the configuration allows that; it takes back anyway. Raises ``ConfigError``."""
    from auditor.esxi.control import SshBankControl, SshHostControl
    from auditor.workflows.rollback.checks import DropInChecks

    settings = config.rollback
    with ExitStack() as stack:
        eyes, reader = stack.enter_context(_sight(config))
        over_ssh = SshHostControl(reader)
        own_api = _own_api(config)
        by_vcenter: dict[str, HostControl] = {}
        lock = threading.Lock()

        def hosts(vcenter: str) -> HostControl:
            if not vcenter or settings.control is Route.SSH:
                return over_ssh
            with lock:
                if vcenter not in by_vcenter:
                    by_vcenter[vcenter] = _api_control(config, vcenter, own_api, stack)
                return by_vcenter[vcenter]

        by_byte = plan is not None and plan.method is Method.UNATTENDED
        checks = DropInChecks(settings.checks, settings.check_seconds) if settings.checks and plan is not None else NoChecks()
        bundles = _api_control(config, "", own_api, stack) if own_api is not None else over_ssh
        silence = timedelta(minutes=settings.silence_minutes)
        yield Means(
            sight=eyes,
            hands=Hands(SshBankControl(reader.client, may_arm=settings.unattended) if by_byte else None, hosts, bundles),
            vault=vault,
            sleep=time.sleep,
            tell=tell,
            checks=checks,
            pace=Pace(
                evacuation=evacuation or Evacuation(settings.evacuation),
                maintenance=timedelta(minutes=settings.maintenance_minutes),
                connect=timedelta(minutes=settings.connect_minutes),
                poll=timedelta(seconds=settings.poll_seconds),
                order=timedelta(seconds=3 * settings.poll_seconds),
                unattended=Limits(
                    timedelta(minutes=settings.grace_minutes), timedelta(minutes=settings.watch_minutes), silence
                ),
                guided=Limits(
                    timedelta(minutes=settings.person_minutes),
                    timedelta(minutes=settings.person_minutes + settings.watch_minutes),
                    silence,
                ),
            ),
        )


def vault(config: Config, folder: Path | None = None, *, clear_for: str = "", takes_back: bool = False) -> FolderVault:
    """The folder of configuration bundles. Its key is asked for now, so that a prompt stands alone. ``clear_for`` is who wants
    them in the clear. ``takes_back``: no bundle will be fetched. Raises ``RefusedError`` where there is no key."""
    from auditor.backup.sealing import no_key
    from auditor.backup.vault import Vault

    if clear_for:
        output.say("warning: --unencrypted: configuration bundles, which hold secrets, are kept in the clear")
    key = None if clear_for or takes_back else bundle_key(config)
    if not (key or clear_for or takes_back):
        raise no_key(str(config.path))
    return Vault(folder or config.backup.folder, key, clear_for=clear_for)


def bundle_key(config: Config) -> Key | None:
    """The configured key, asked for now. Raises ``ConfigError`` when its source does not give it."""
    from auditor.backup.sealing import Key

    secret = config.backup.key
    return None if secret is None else Key(secret.reveal(), secret.source)


@contextmanager
def bundles(config: Config) -> Iterator[tuple[HostControl, Callable[[str, str], HostTarget]]]:
    """What fetches configuration bundles, and where each host is: the host's own API where [host-api] is configured, else SSH.
    Needs no vCenter. Asks for the secrets of that route first. Raises ``ConfigError`` when there is neither."""
    own = _own_api(config)
    with ExitStack() as stack:
        if own is not None and config.host_api is not None:
            config.host_api.password.reveal()
            yield _api_control(config, "", own, stack), lambda vcenter, name: wiring.direct_target(config, vcenter, name)
            return
        from auditor.esxi.control import SshHostControl

        reader, target = wiring.ssh_reader(config)
        yield SshHostControl(reader), target


def allowed(config: Config, plan: RollbackPlan, operation: int | None = None) -> None:
    """Raise ``RefusedError`` for an unattended plan that this configuration does not allow. ``operation``: the one that carries
    it out already."""
    if plan.method is Method.UNATTENDED and not config.rollback.unattended:
        begun = f"to take it back without that: auditor rollback abort {operation}, or disarm {operation}"
        raise RefusedError(
            "unattended rollbacks are not allowed by the configuration",
            where=str(config.path),
            hint="set unattended = true in [rollback], knowing the vendor's position, or "
            + ("make a guided plan" if operation is None else begun),
        )


def teller() -> Tell:
    """Tells on stderr, each line with the time and the host."""
    lock = threading.Lock()

    def tell(host: str, words: str) -> None:
        stamp = time.strftime("%H:%M:%SZ", time.gmtime())
        lines = words.splitlines() or [""]
        # A terminal that went away must not stop a host half-way: the journal has everything.
        with lock, suppress(OSError, ValueError):
            if len(lines) == 1:
                output.say(f"{stamp} {host}: {words}")
            else:
                output.say("\n".join(["", *(f"  | {line}".rstrip() for line in lines), ""]))

    return tell


@contextmanager
def _sight(config: Config) -> Iterator[tuple[Sight, SshHostReader]]:
    from auditor.esxi.look import SshLooker, SshSituationReader
    from auditor.tables import load_vsan_formats
    from auditor.vcenter.surroundings import VCenterSurroundings

    for secret in config.secrets():
        secret.reveal()
    formats = load_vsan_formats(config.vsan_formats)
    clock = wiring.SystemClock()
    reader, target = wiring.ssh_reader(config)
    surroundings = {
        vcenter.name: VCenterSurroundings(wiring.vcenter_settings(config, vcenter), vcenter.password.reveal)
        for vcenter in config.vcenters
    }
    escrow = None
    if config.rollback.escrow:
        from auditor.esxi.escrow import HelperEscrow

        escrow = HelperEscrow(reader, config.rollback.escrow, config.rollback.escrow_environment)
    try:
        yield (
            Sight(
                looker=SshLooker(reader, clock),
                banks=reader,
                situations=SshSituationReader(reader),
                surroundings=surroundings,
                target=target,
                clock=clock,
                escrow=escrow,
                cluster_image=_images(config),
                changed=config.rollback.changed,
                vsan_formats=formats,
                recorded=_recorded(config),
                settings=_settings(surroundings, target, clock),
            ),
            reader,
        )
    finally:
        for one in surroundings.values():
            one.close()


def _recorded(config: Config) -> Callable[[str, str], Reading[PastSettings]]:
    """What history knows of a host's settings."""

    def recorded(vcenter: str, host: str) -> Reading[PastSettings]:
        if not config.history.is_file():
            return Unread(Reason.ABSENT, "there is no history yet")
        try:
            with wiring.open_history(config, read_only=True) as history:
                found = history.settings(host, vcenter)
        except AuditorError as error:
            return Unread(Reason.FAILED, f"history: {error.what}")
        return Read(found[0] if found else PastSettings(host, vcenter))

    return recorded


def _settings(
    surroundings: Mapping[str, VCenterSurroundings], target: Callable[[str, str], HostTarget], clock: Clock
) -> Callable[[str, str], HostSettings | None]:
    """A host's settings as its vCenter shows them now."""

    def settings(vcenter: str, host: str) -> HostSettings | None:
        eyes = surroundings.get(vcenter)
        return None if eyes is None else eyes.settings(target(vcenter, host), clock.now())

    return settings


def _images(config: Config) -> Callable[[str, str], Reading[DesiredImage | None]]:
    """Reads a cluster's image, and keeps the answer for a moment."""
    lock = threading.Lock()
    known: dict[tuple[str, str], tuple[float, Reading[DesiredImage | None]]] = {}

    def image(vcenter: str, cluster: str) -> Reading[DesiredImage | None]:
        with lock:
            at, found = known.get((vcenter, cluster), (0.0, None))
            if found is None or time.monotonic() - at > IMAGE_AGE:
                found = _image(config, vcenter, cluster)
                known[vcenter, cluster] = time.monotonic(), found
            return found

    return image


class _Silent:
    def start(self, phase: str, total: int | None) -> None: ...

    def advance(self, phase: str, note: str = "") -> None: ...


def _image(config: Config, vcenter: str, cluster: str) -> Reading[DesiredImage | None]:
    from auditor.domain.image import ManagementMode
    from auditor.vcenter.reader import VCenterRouteReader

    try:
        settings = config.vcenter(vcenter)
    except AuditorError as error:
        return Unread(Reason.NOT_ATTEMPTED, error.what)
    only = frozenset({cluster.lower()})
    reader = VCenterRouteReader(
        wiring.vcenter_settings(config, settings), settings.password.reveal, wiring.SystemClock(), only=only
    )
    try:
        view = reader.view(_Silent())
    finally:
        reader.close()
    if isinstance(view.clusters, Unread):
        return view.clusters
    named = [one for one in view.clusters.value if one.name.casefold() == cluster.casefold()]
    if len(named) != 1:
        return Unread(Reason.ABSENT, f"{len(named)} clusters of vCenter {vcenter} are called {cluster}")
    if value_of(named[0].mode) is ManagementMode.BASELINES:
        return Read(None)
    return named[0].image


def _own_api(config: Config) -> HostApiSettings | None:
    return None if config.host_api is None else wiring.host_api_settings(config, config.host_api)


def _api_control(config: Config, vcenter: str, own: HostApiSettings | None, stack: ExitStack) -> HostControl:
    """Through a vCenter, or, with an empty name or where it is configured so, through each host's own API."""
    from auditor.vcenter.hostcontrol import ApiHostControl

    if vcenter and config.rollback.control is Route.VCENTER:
        found = config.vcenter(vcenter)
        endpoint = wiring.vcenter_settings(config, found).endpoint
        control = ApiHostControl(Route.VCENTER, lambda _: endpoint, found.password.reveal)
    else:
        if own is None or config.host_api is None:
            raise ConfigError("[host-api] is not configured", where=str(config.path))
        port = config.host_api.port

        def at(target: HostTarget) -> HostTarget:
            """The same host on its API's port: targets here are made for SSH."""
            return HostTarget(target.name, target.address, port, target.vcenter)

        control = ApiHostControl(
            Route.HOST_API,
            lambda target: own.endpoint(at(target)),
            config.host_api.password.reveal,
            lambda target: own.endpoint(at(target)),
        )
    stack.callback(control.close)
    return control


__all__ = ["allowed", "bundle_key", "bundles", "means", "sight", "teller", "vault"]
