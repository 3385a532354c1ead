"""The local service as tests see it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Any

from . import _deployments, _files, _organization, _work
from ._files import add_file
from ._gate import Gate
from ._http import Fault, Handler, HTTPServer, Recorded, Request, Router
from ._world import Behaviour, Organization, World, new_id

if TYPE_CHECKING:
    from types import TracebackType


class _Routes(Router):
    """All routes of the service; each changing request leaves an entry in the audit log."""

    def __init__(self) -> None:
        super().__init__()
        for part in (_deployments, _organization, _work, _files):
            self._routes += part.router._routes

    def find(self, request: Request) -> Handler:
        handler = super().find(request)
        if request.method == "GET":
            return handler

        def audited(request: Request) -> Any:
            out = handler(request)
            organization = request.organization
            user = organization.users[organization.user_id]
            organization.audit.append(
                {
                    "auditID": new_id(),
                    "createdAt": request.world.clock.stamp(),
                    "type": f"{request.method} {request.path.split('/')[0]}",
                    "source": "Portal",
                    "orgID": organization.id,
                    "userID": user["userID"],
                    "userEmail": user["email"],
                    "firstName": user["firstName"],
                    "lastName": user["lastName"],
                    "userType": "Customer",
                    "attributes": {"path": request.path},
                    "labels": [],
                }
            )
            return out

        return audited


class ManagementAPI(AbstractContextManager["ManagementAPI"]):
    """The management service on a loopback port: stateful, with faults on request.

    ::

        with ManagementAPI() as api:
            manager = manage_clusters(api.token, base_url=api.url)
            api.fault(status=503, times=2)

    ``backend`` is the address of a database that speaks the MySQL protocol: it becomes the
    endpoint of every deployment, through a port that turns the first ``refuse_first``
    connections of a server away.
    """

    def __init__(self, backend: tuple[str, int] | None = None, *, refuse_first: int = 0) -> None:
        self._world = World()
        self._http = HTTPServer(self._world, _Routes())
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        """What to give as ``base_url``."""
        self.gate = None if backend is None else Gate(backend, refuse_first)
        """The port in front of the database, if there is one."""
        if self.gate is not None:
            self._world.endpoint = "{}:{}".format(*self.gate.address)
        self._home()
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="management-api",
            daemon=True,
        )
        self._thread.start()

    def _home(self) -> None:
        self.organization = self._world.add_organization("Test Organization")
        """The first organization; tests may look at what it holds while nothing is requested."""
        self.token = self._world.issue_token(self.organization)
        """A token of the first organization."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server, its threads and its files."""
        self._http.stop()
        self._thread.join(timeout=10)
        if self.gate is not None:
            self.gate.stop()
        self._world.reset()

    def reset(self) -> None:
        """Forget everything: state, behaviour, faults, records, tokens.  The address stays."""
        with self._world.lock:
            self._world.reset()
            self._http.faults.clear()
            self._http.recorded.clear()
            self._home()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that lead the SDK here."""
        return {
            "SINGLESTOREDB_MANAGEMENT_BASE_URL": self.url,
            "SINGLESTOREDB_MANAGEMENT_TOKEN": self.token,
        }

    @property
    def behaviour(self) -> Behaviour:
        """How the service behaves; change its attributes at any time."""
        return self._world.behaviour

    @property
    def endpoint(self) -> str | None:
        """What deployments that are made from now on report as their endpoint.

        Without one they report names of hosts that do not exist.
        """
        return self._world.endpoint

    @endpoint.setter
    def endpoint(self, value: str | None) -> None:
        self._world.endpoint = value

    # -- watching --

    @property
    def requests(self) -> list[Recorded]:
        """Requests so far, the first first."""
        with self._world.lock:
            return list(self._http.recorded)

    def routes(self) -> list[str]:
        """Return ``METHOD path`` of the requests so far, without version and query."""
        return [f"{r.method} {r.path.split('/', 2)[2]}" for r in self.requests]

    def forget_requests(self) -> None:
        """Start the record anew."""
        with self._world.lock:
            self._http.recorded.clear()

    # -- steering --

    def fault(self, method: str = "*", path: str = "*", **effects: Any) -> Fault:
        """Let something go wrong; see :class:`Fault` for the effects."""
        out = Fault(method, path, **effects)
        with self._world.lock:
            self._http.faults.append(out)
        return out

    def clear_faults(self) -> None:
        """Let everything go well again."""
        with self._world.lock:
            self._http.faults.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass on the service's clock."""
        with self._world.lock:
            self._world.clock.advance(seconds)

    def now(self) -> datetime.datetime:
        """Return the time on the service's clock, aware, UTC."""
        with self._world.lock:
            return self._world.clock.now()

    def lock_organization(self, conflicts: int) -> None:
        """Refuse the next creations of deployments as if another one held the lock."""
        with self._world.lock:
            self.organization.lock_conflicts = conflicts

    # -- tokens and organizations --

    def add_organization(self, name: str) -> Organization:
        """Add another organization."""
        with self._world.lock:
            return self._world.add_organization(name)

    def issue_token(
        self,
        organization: Organization | None = None,
        *,
        jwt: bool = False,
        lifetime: float | None = None,
    ) -> str:
        """Return a new token: opaque or a JSON web token; ``lifetime`` is in seconds."""
        with self._world.lock:
            return self._world.issue_token(
                organization or self.organization, jwt=jwt, lifetime=lifetime
            )

    def revoke_token(self, token: str) -> None:
        """Refuse a token from now on."""
        with self._world.lock:
            self._world.tokens.pop(token, None)

    # -- contents --

    def add_file(self, space: str, path: str, data: bytes = b"") -> None:
        """Put a file into ``personal``, ``shared``, ``models``, or the Stage of a deployment's ID.

        Folders on the way are made.
        """
        with self._world.lock:
            organization = self.organization
            tree = organization.spaces.get(space)
            if tree is None:
                from ._filesystem import FileSystem

                made = FileSystem(self._world.clock.stamp)
                tree = organization.stages.setdefault(space, made)
            add_file(tree, path, data)

    def add_audit_logs(self, count: int, type: str = "Login") -> None:
        """Put entries into the audit log, one second apart, the last one now."""
        with self._world.lock:
            now = self._world.clock.now()
            for number in range(count):
                at = now - datetime.timedelta(seconds=count - 1 - number)
                self.organization.audit.append(
                    {
                        "auditID": new_id(),
                        "createdAt": at.isoformat().replace("+00:00", "Z"),
                        "type": type,
                        "source": "Portal",
                        "userID": self.organization.user_id,
                        "attributes": {"number": number},
                        "workspaceID": new_id(),
                    }
                )

    def changed(self, change: Callable[[Organization], Any]) -> Any:
        """Run a function on the first organization while no request is served."""
        with self._world.lock:
            return change(self.organization)


def serve(backend: tuple[str, int] | None = None, announce: IO[str] | None = None) -> ManagementAPI:
    """Start the service; with ``announce`` write ``URL TOKEN`` to that file as one line."""
    out = ManagementAPI(backend)
    if announce is not None:
        announce.write(f"{out.url} {out.token}\n")
        announce.flush()
    return out
