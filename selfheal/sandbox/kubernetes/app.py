"""The embedded Kubernetes as a server: HTTP on loopback, virtual time, and what a scenario or a test needs of it."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from werkzeug.wrappers import Request, Response

from selfheal.sandbox.emulator import Emulator
from selfheal.sandbox.kubernetes import nodes
from selfheal.sandbox.kubernetes.accounts import READER, Account, standard_accounts
from selfheal.sandbox.kubernetes.api.applying import Applied, apply_object
from selfheal.sandbox.kubernetes.api.server import ApiServer, answer, unauthorised
from selfheal.sandbox.kubernetes.assembly import assemble
from selfheal.sandbox.kubernetes.behaviour import ImageBehaviour, Registry
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import ApiError
from selfheal.sandbox.kubernetes.objects import Key, Object, dig, key_of
from selfheal.sandbox.kubernetes.registry import RESOURCES, find

#: The pause between two looks at the clock, in real seconds: never shorter, however fast virtual time goes.
TICK = 0.06
#: The longest sleep without anything planned.
IDLE = 1.0
#: Order in which objects are applied: what others refer to comes first.
_ORDER = (
    "Namespace", "PriorityClass", "StorageClass", "IngressClass", "ResourceQuota", "LimitRange", "ServiceAccount", "Secret",
    "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
    "NetworkPolicy", "Service", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
)  # fmt: skip


@dataclass(frozen=True)
class Sync:
    """What applying brought: the lines that kubectl would have printed, and the objects that are now as applied."""

    lines: tuple[str, ...]
    applied: tuple[Key, ...]
    failed: int

    @property
    def text(self) -> str:
        """As in ``sync.txt``."""
        return "".join(f"{line}\n" for line in self.lines)


class KubernetesEmulator(Emulator):
    """One embedded cluster.

    ``time_factor``: virtual seconds per real second while it is started; 0: time stands still but for
    :meth:`advance`. ``nodes``: manifests of its nodes.
    """

    name = "kubernetes"

    def __init__(
        self,
        *,
        time_factor: float = 1.0,
        nodes: Sequence[Object] | None = None,
        seed: int = 1,
        start: float | None = None,
    ) -> None:
        super().__init__()
        self.time_factor = time_factor
        self._nodes = list(nodes) if nodes is not None else None
        self.cluster = Cluster(start=time.time() if start is None else start, seed=seed)
        # One lock for requests, controllers and the clock.
        self.lock = self.cluster.lock
        self.accounts = standard_accounts()
        self._applied: Applied = {}
        self._connect()
        self.syncs: list[Sync] = []
        #: Defects of the emulator itself, met while time passed; empty in a sound run.
        self.errors: list[str] = []
        self._virtual, self._real = self.cluster.now, time.monotonic()
        self._running = False
        self._wake = threading.Event()
        self._life: threading.Thread | None = None
        self.cluster.on_change = self._changed
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            for path in (
                "/api",
                "/api/<path:rest>",
                "/apis",
                "/apis/<path:rest>",
                "/version",
                "/healthz",
                "/readyz",
                "/livez",
            ):
                self.route(method, path, self._serve)
        self._furnish()

    def _connect(self) -> None:
        parts = assemble(self.cluster)
        self.kubelet, self.scheduler, self.autoscaler = parts.kubelet, parts.scheduler, parts.autoscaler
        self.api = ApiServer(self.cluster, self.kubelet, self._applied)

    # What scenarios set

    @property
    def images(self) -> dict[str, ImageBehaviour]:
        """Behaviours by image reference; what is not in here cannot be pulled."""
        return self.cluster.images.table

    @property
    def registries(self) -> dict[str, Registry]:
        """Registries by host, where they are not simply reachable and public."""
        return self.cluster.images.registries

    @property
    def hosts(self) -> set[str]:
        """Names outside the cluster that answer."""
        return self.cluster.images.hosts

    def apply(
        self, objects: Iterable[Object], *, manager: str = "kubectl", namespace: str = "default"
    ) -> Sync:
        """Server-side apply, referred-to kinds first. Never raises for an object: refusals are lines of the answer."""
        lines, applied, failed = [], [], 0
        with self.lock:
            for manifest in sorted(objects, key=_rank):
                kind, obj = str(manifest.get("kind")), manifest
                resource = find(str(obj.get("apiVersion", "")), kind)
                named = isinstance(obj.get("metadata"), dict)
                if (
                    named
                    and resource is not None
                    and resource.namespaced
                    and not dig(obj, "metadata", "namespace")
                ):
                    obj = {**obj, "metadata": {**obj.get("metadata", {}), "namespace": namespace}}
                try:
                    made, _new = apply_object(
                        self.cluster, self._applied, obj, manager, user=self.accounts["admin"].user
                    )
                except ApiError as error:
                    failed += 1
                    lines.append(_refused(error))
                    continue
                applied.append(key_of(made))
                group = f".{resource.group}" if resource is not None and resource.group else ""
                lines.append(f"{kind.lower()}{group}/{made['metadata']['name']} serverside-applied")
            sync = Sync(tuple(lines), tuple(applied), failed)
            self.syncs.append(sync)
        self._catch_up()
        return sync

    def delete(self, key: Key) -> bool:
        """Delete one object with what it owns; whether there was one."""
        with self.lock:
            gone = self.cluster.delete(key) is not None
        self._catch_up()
        return gone

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """An object as it is now. Not to be changed."""
        with self.lock:
            return self.cluster.store.get(kind, namespace, name)

    def objects(self, kind: str, namespace: str = "") -> list[Object]:
        """Objects as they are now. Not to be changed."""
        with self.lock:
            return self.cluster.store.of(kind, namespace)

    def set_node(self, name: str, kind: str, state: str, reason: str, message: str) -> None:
        """Set a node's condition, such as ``Ready`` to ``False``. Raises KeyError for an unknown node."""
        with self.lock:
            nodes.set_condition(self.cluster, name, kind, state, reason, message)
        self._catch_up()

    # Time

    def now(self) -> float:
        """Virtual seconds since the epoch."""
        if not self._running or not self.time_factor:
            return self._virtual
        return self._virtual + (time.monotonic() - self._real) * self.time_factor

    def advance(self, seconds: float) -> None:
        """Let that much virtual time pass at once, with everything that happens in it."""
        with self.lock:
            self._virtual, self._real = self.now() + seconds, time.monotonic()
            self.cluster.run_until(self._virtual)

    def _catch_up(self) -> None:
        with self.lock:
            self.cluster.run_until(self.now())

    def _changed(self) -> None:
        self._wake.set()

    def _live(self) -> None:
        while self._running:
            with self.lock:
                try:
                    self._catch_up()
                except Exception:  # noqa: BLE001  a defect met by one object must not stop time for all others
                    self.errors.append(traceback.format_exc())
                due = self.cluster.idle_until()
                # Changes of our own making are done with.
                self._wake.clear()
                pause = IDLE if due is None else (due - self.now()) / self.time_factor
            self._wake.wait(min(max(pause, TICK), IDLE))

    # HTTP

    def authenticate(self, request: Request) -> Response | str:
        """The user of the bearer token, or a 401."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        account = next((held for held in self.accounts.values() if held.token == token), None)
        if scheme != "Bearer" or account is None:
            return answer(unauthorised().status(), 401)
        return account.user

    def changes(self, request: Request) -> bool:
        """Access reviews only ask, and a dry run stores nothing."""
        asks = request.path.endswith("accessreviews") or request.args.get("dryRun") == "All"
        return super().changes(request) and not asks

    def date(self) -> float:
        """Virtual time: ages of objects are measured with it."""
        return self.now()

    def not_found(self, request: Request) -> Response:
        """The API server's 404."""
        error = ApiError(404, "NotFound", "the server could not find the requested resource")
        return answer(error.status(), 404)

    def coverage(self) -> list[str]:
        """Verbs and paths served."""
        rows = []
        for resource in RESOURCES:
            root = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
            place = "/namespaces/{namespace}" if resource.namespaced else ""
            rows.append(f"GET,POST,DELETE {root}{place}/{resource.plural}")
            rows.append(f"GET,PUT,PATCH,DELETE {root}{place}/{resource.plural}/{{name}}")
        return [*sorted(rows), "GET /api/v1/namespaces/{namespace}/pods/{name}/log", "GET /version"]

    def _serve(self, request: Request, rest: str = "") -> Response:
        self._catch_up()
        token = request.headers.get("Authorization", "").partition(" ")[2]
        account = next(held for held in self.accounts.values() if held.token == token)
        response = self.api.serve(request, account)
        if request.method not in ("GET", "HEAD"):
            self._catch_up()
        return response

    def write_kubeconfig(self, path: Path | str, *, account: str = READER, context: str = "sandbox") -> Path:
        """A kubeconfig for a user of the started server (``reader`` or ``admin``); only its owner may read it."""
        held: Account = self.accounts[account]
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": {"server": self.url}}],
            "users": [{"name": account, "user": {"token": held.token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": account}}],
        }
        target = Path(path)
        target.touch(mode=0o600)
        target.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return target

    # Life

    def start(self, port: int = 0) -> str:
        url = super().start(port)
        self.api.open = True
        self._real, self._running = time.monotonic(), True
        if self.time_factor:
            self._life = threading.Thread(target=self._live, name="sandbox-kubernetes-time", daemon=True)
            self._life.start()
        return url

    def stop(self) -> None:
        self.api.open = False
        if self._running:
            self._virtual = self.now()
        self._running = False
        self._wake.set()
        with self.cluster.store.changed:
            self.cluster.store.changed.notify_all()
        if self._life is not None:
            self._life.join()
            self._life = None
        super().stop()

    def reset(self) -> None:
        """An empty cluster with its nodes; behaviours of images stay."""
        super().reset()
        with self.lock:
            self.kubelet.clear()
            self.cluster.clear()
            self._connect()
            self._applied.clear()
            self.syncs.clear()
            self._furnish()

    def _furnish(self) -> None:
        with self.lock:
            nodes.furnish(self.cluster, nodes.standard_nodes() if self._nodes is None else self._nodes)
        self._catch_up()


def _rank(obj: Object) -> int:
    kind = obj.get("kind")
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _refused(error: ApiError) -> str:
    if error.message.startswith("resource mapping not found"):
        return f"error: {error.message}"
    return f"Error from server ({error.reason}): {error.message}"
