"""The kubelets of all nodes: a worker for each pod that is bound to a node, and what pods see of each other."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from selfheal.sandbox.kubernetes.behaviour import Call, Permission
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.kubelet.container import ContainerRunner
from selfheal.sandbox.kubernetes.kubelet.pod import PodWorker
from selfheal.sandbox.kubernetes.kubelet.program import Start, memory_needed, target_text
from selfheal.sandbox.kubernetes.network import Network, target_of
from selfheal.sandbox.kubernetes.objects import Key, Object, dig, finished, is_true, terminating
from selfheal.sandbox.kubernetes.quantity import amount
from selfheal.sandbox.kubernetes.rbac import allowed
from selfheal.sandbox.kubernetes.store import Change

#: Seconds until a container that started shows up in the resource metrics.
MEASURED = 15.0


class Kubelet:
    """Brings pods about that have a node."""

    name = "kubelet"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.workers: dict[str, PodWorker] = {}
        self.network = Network(cluster, self._listening)
        self._images: dict[str, set[str]] = {}
        self._addresses: dict[str, int] = {}

    def clear(self) -> None:
        for worker in self.workers.values():
            worker.abandon()
        self.workers.clear()
        self._images.clear()
        self._addresses.clear()

    # Controller

    def wake(self, change: Change) -> Iterable[Key]:
        obj = change.object
        if obj["kind"] == "Pod" and dig(obj, "spec", "nodeName"):
            before = change.before
            moved = before is None or dig(before, "spec", "nodeName") != dig(obj, "spec", "nodeName")
            if moved or change.type == "DELETED" or terminating(obj) != terminating(before or {}):
                yield Key("Pod", str(obj["metadata"]["namespace"]), str(obj["metadata"]["name"]))
        if (
            obj["kind"] == "Node"
            and change.before is not None
            and is_true(obj, "Ready") != is_true(change.before, "Ready")
        ):
            for worker in list(self.workers.values()):
                if worker.node == obj["metadata"]["name"]:
                    yield worker.key

    def sync(self, key: Key) -> None:
        pod = self.cluster.store.at(key)
        for uid, worker in list(self.workers.items()):
            if worker.key == key and (pod is None or pod["metadata"]["uid"] != uid):
                worker.abandon()
                del self.workers[uid]
        if pod is None or not dig(pod, "spec", "nodeName"):
            return
        held = self.workers.get(str(pod["metadata"]["uid"]))
        node = self.cluster.store.get("Node", "", str(pod["spec"]["nodeName"]))
        if node is None or not self.reports(str(pod["spec"]["nodeName"])):
            return
        if held is None:
            if terminating(pod):
                self.cluster.store.remove(key)
            elif not finished(pod):
                self._adopt(pod, node)
            return
        held.pod = pod
        if terminating(pod):
            held.stop()
        else:
            held.report()

    def _adopt(self, pod: Object, node: Object) -> None:
        name = str(node["metadata"]["name"])
        addresses = dig(node, "status", "addresses", default=[])
        host = next(
            (str(item["address"]) for item in addresses if item.get("type") == "InternalIP"), "10.0.0.10"
        )
        ip = host if dig(pod, "spec", "hostNetwork") else self._address(node)
        worker = PodWorker(self, pod, ip, host)
        self.workers[worker.uid] = worker
        self._images.setdefault(name, set())
        worker.begin()

    def _address(self, node: Object) -> str:
        name = str(node["metadata"]["name"])
        prefix = str(dig(node, "spec", "podCIDR", default="10.244.0.0/24")).rpartition(".")[0]
        number = self._addresses.get(name, 1) + 1
        self._addresses[name] = 2 if number > 254 else number
        return f"{prefix}.{self._addresses[name]}"

    # For workers

    def reports(self, node: str) -> bool:
        """Whether the node's kubelet is alive."""
        held = self.cluster.store.get("Node", "", node)
        return held is not None and is_true(held, "Ready")

    def node_images(self, node: str) -> set[str]:
        """Images present on the node."""
        return self._images.setdefault(node, set())

    def gone(self, worker: PodWorker) -> None:
        """All containers of a deleted pod have ended."""
        worker.abandon()
        self.workers.pop(worker.uid, None)
        self.cluster.store.remove(worker.key)

    def _listening(self, uid: str) -> dict[int, str]:
        worker = self.workers.get(uid)
        return worker.listening() if worker else {}

    def usage(self, pod: Object, container: str, resource: str) -> Decimal | None:
        """What a container uses of cpu or memory; None while it is not measured."""
        worker = self.workers.get(str(pod["metadata"]["uid"]))
        runner = next((item for item in worker.runners if item.name == container), None) if worker else None
        if runner is None or not runner.running or self.cluster.now - runner.began < MEASURED:
            return None
        limit = dig(runner.spec, "resources", "limits", resource)
        if resource == "cpu":
            need = amount(runner.behaviour.cpu)
        else:
            need = Decimal(memory_needed(runner.behaviour, runner.env))
        return min(need, amount(limit)) if limit is not None else need

    def clash(self, start: Start) -> int:
        """A port it wants that another container of the pod already has, 0 for none."""
        worker = self.workers.get(str(start.pod["metadata"]["uid"]))
        if worker is None:
            return 0
        taken: set[int] = set()
        for runner in worker.runners:
            if runner.running and runner.name != start.container["name"]:
                taken |= set(_ports(runner.behaviour.ports, runner.env))
        return next((number for number in _ports(start.behaviour.ports, start.env) if number in taken), 0)

    def call(self, pod: Object, env: dict[str, str], call: Call) -> str:
        """Make a call from a pod: the client's error, "" when it worked."""
        text = target_text(call, env)
        target = target_of(text) if text else None
        if target is None:
            return f'dial tcp: address "{text}": missing address'
        reached = self.network.dial(pod, target)
        if reached.error or not reached.pod:
            return reached.error
        peer = self._serving(reached.namespace, reached.pod, reached.port)
        if peer is None:
            return ""
        accounts = peer.behaviour.accounts
        user = env.get(call.user, "") if call.user else target.user
        password = env.get(call.password, "") if call.password else target.password
        if accounts and accounts.get(user) != password:
            return f'password authentication failed for user "{user}"'
        if call.writes and peer.behaviour.read_only:
            return "cannot execute INSERT in a read-only transaction"
        if peer.behaviour.max_connections is not None:
            wanted = sum(self._connections(runner, target.host) for runner in self._running())
            if wanted > peer.behaviour.max_connections:
                return "remaining connection slots are reserved for roles with the SUPERUSER attribute: too many connections"
        return ""

    def _running(self) -> Iterable[ContainerRunner]:
        return (runner for worker in self.workers.values() for runner in worker.runners if runner.running)

    def _connections(self, runner: ContainerRunner, host: str) -> int:
        total = 0
        for call in runner.behaviour.calls:
            target = target_of(target_text(call, runner.env)) if target_text(call, runner.env) else None
            if target is not None and target.host == host:
                text = runner.env.get(call.connections, call.connections)
                total += int(text) if text.isdigit() else 1
        return total

    def _serving(self, namespace: str, name: str, number: int) -> ContainerRunner | None:
        pod = self.cluster.store.get("Pod", namespace, name)
        worker = self.workers.get(str(pod["metadata"]["uid"])) if pod else None
        return worker.owner_of(number) if worker else None

    def denied(self, pod: Object, permission: Permission) -> str:
        """The API server's refusal of what a pod's account asks, "" when it may."""
        namespace = str(pod["metadata"]["namespace"])
        account = str(dig(pod, "spec", "serviceAccountName", default="default"))
        user = f"system:serviceaccount:{namespace}:{account}"
        if allowed(
            self.cluster.store, user, permission.verb, permission.group, permission.resource, namespace
        ):
            return ""
        named = f"{permission.resource}.{permission.group}" if permission.group else permission.resource
        return (
            f'{named} is forbidden: User "{user}" cannot {permission.verb} resource "{permission.resource}" in API group '
            f'"{permission.group}" in the namespace "{namespace}"'
        )

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> list[str] | None:
        """The lines of a container's log with their times; None where there is no such run."""
        held = self.cluster.store.get("Pod", namespace, pod)
        worker = self.workers.get(str(held["metadata"]["uid"])) if held else None
        runner = next((item for item in worker.runners if item.name == container), None) if worker else None
        if runner is None:
            return None
        if previous and "waiting" in runner.state and runner.last:
            # Between two runs the last one is both the current and the previous.
            return list(runner.log) if runner.has_log else None
        if previous:
            return list(runner.previous) if runner.previous is not None else None
        return list(runner.log) if runner.has_log else None


def _ports(ports: Iterable[Any], env: dict[str, str]) -> list[int]:
    texts = [(port, env.get(port.variable, "") if port.variable else "") for port in ports]
    return [int(text) if text.isdigit() else port.number for port, text in texts]
