"""A route of a gateway or mesh sends its callers nowhere, or is attached to nothing.

# What it is
An HTTPRoute or GRPCRoute (Gateway API) or a VirtualService (Istio) names a Service or port that does not exist, a gateway
that does not exist, or gives weight to nothing.

# How it is recognised
Each backend is compared with the Services that exist and their ports, each parent with the gateways that exist. The
route's own conditions (`ResolvedRefs`, `Accepted`) confirm it.

# How it is told from its neighbours
An Ingress is `ingress-backend-invalid`. A Service that exists and has no endpoints has its own reason.

# What is changed
The backend's name or port, or the parent's name: to what it was before, or to the one that is plainly meant.

# How safe that is
Only Services, ports and gateways that exist are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import declared, mapping, mappings
from selfheal.faults.calls import service_of
from selfheal.faults.evidence import on_object, quoted
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, OneOf, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.stores import behind
from selfheal.incidents.record import Evidence, ObjectRef, Target

_ROUTES = ("HTTPRoute", "GRPCRoute")


class GatewayMisrouted(Fault):
    """See the page above."""

    id = "gateway-misrouted"
    blames = (*_ROUTES, "VirtualService")
    writes = (
        "/spec/rules/*/backendRefs/*/name",
        "/spec/rules/*/backendRefs/*/port",
        "/spec/parentRefs/*/name",
        "/spec/*/*/route/*/destination/host",
        "/spec/*/*/route/*/destination/port/number",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for kind in _ROUTES:
            for route in snapshot.list(kind):
                finding = next((item for item in _route(snapshot, route)), None)
                if finding is not None:
                    yield finding
        for mesh in snapshot.list("VirtualService"):
            finding = next((item for item in _mesh(snapshot, mesh)), None)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        values = tuple(facts["candidates"])
        fallback: Any = None
        if facts["was"] is not None:
            fallback = Exact(facts["was"], "the last applied manifest")
        elif finding.variant == "port":
            fallback = (
                OneOf(values, "the Service's ports")
                if len(values) != 1
                else Exact(values[0], "the Service's port")
            )
        elif values:
            fallback = NearName(facts["kind"], str(facts["now"]), values)
        title = f"Let {finding.object.name} send to what exists"
        return Remedy(
            title, (FieldEdit(finding.object, facts["field"], LastGood(fallback)),), finding.summary
        )


def _route(snapshot: Snapshot, route: Object) -> Iterator[Finding]:
    ref, spec = ref_of(route), mapping(route.get("spec"))
    for rule_at, rule in enumerate(mappings(spec.get("rules"))):
        for at, backend in enumerate(mappings(rule.get("backendRefs"))):
            if backend.get("kind", "Service") != "Service":
                continue
            place = str(backend.get("namespace") or ref.namespace)
            base = f"/spec/rules/{rule_at}/backendRefs/{at}"
            yield from _backend(
                snapshot,
                route,
                base,
                ("name", "port"),
                place,
                str(backend.get("name", "")),
                backend.get("port"),
            )
    for at, parent in enumerate(mappings(spec.get("parentRefs"))):
        place, name = str(parent.get("namespace") or ref.namespace), str(parent.get("name", ""))
        if parent.get("kind", "Gateway") != "Gateway" or not snapshot.known("Gateway", place):
            continue
        names = [ref_of(item).name for item in snapshot.list("Gateway", place)]
        if name not in names and place in (ref.namespace, *snapshot.namespaces()):
            yield _finding(
                snapshot,
                route,
                "parent",
                f"/spec/parentRefs/{at}/name",
                name,
                _near(name, names),
                "Gateway",
                f"the gateway {name}, which does not exist",
                (),
            )


def _mesh(snapshot: Snapshot, mesh: Object) -> Iterator[Finding]:
    ref, spec = ref_of(mesh), mapping(mesh.get("spec"))
    for word in ("http", "tcp", "tls"):
        for rule_at, rule in enumerate(mappings(spec.get(word))):
            for at, entry in enumerate(mappings(rule.get("route"))):
                aim = mapping(entry.get("destination"))
                host = str(aim.get("host", ""))
                parts = host.split(".")
                if len(parts) > 1 and "svc" not in parts and parts[1] not in snapshot.namespaces():
                    continue
                place = parts[1] if len(parts) > 1 else ref.namespace
                base = f"/spec/{word}/{rule_at}/route/{at}/destination"
                number = mapping(aim.get("port")).get("number")
                yield from _backend(snapshot, mesh, base, ("host", "port/number"), place, host, number)


def _backend(
    snapshot: Snapshot, route: Object, base: str, words: tuple[str, str], place: str, name: str, port: Any
) -> Iterator[Finding]:
    if not name or not snapshot.known("Service", place):
        return
    service = service_of(snapshot, place, name)
    if service is None:
        names = [ref_of(item).name for item in snapshot.list("Service", place)]
        near = _near(name.split(".")[0], names)
        loads = _loads(snapshot, snapshot.get("Service", place, near[0])) if len(near) == 1 else ()
        yield _finding(
            snapshot,
            route,
            "service",
            f"{base}/{words[0]}",
            name,
            near,
            "Service",
            f"the Service {name}, which does not exist",
            loads,
        )
        return
    ports = [item.get("port") for item in mappings(mapping(service.get("spec")).get("ports"))]
    if port is not None and ports and port not in ports:
        what = f"port {port} of the Service {name}, which offers {', '.join(map(str, ports))}"
        yield _finding(
            snapshot,
            route,
            "port",
            f"{base}/{words[1]}",
            port,
            ports,
            "port",
            what,
            _loads(snapshot, service),
        )


def _near(name: str, names: list[str]) -> list[str]:
    near = nearest(name, names)
    return [near] if near else names[:20]


def _loads(snapshot: Snapshot, service: Object | None) -> tuple[ObjectRef, ...]:
    return tuple(item.ref for item in behind(snapshot, service)) if service is not None else ()


def _said(route: Object) -> list[Evidence]:
    for at, parent in enumerate(mappings(mapping(route.get("status")).get("parents"))):
        for index, item in enumerate(mappings(parent.get("conditions"))):
            if item.get("status") == "False" and item.get("message"):
                field = f"/status/parents/{at}/conditions/{index}/message"
                value = quoted(str(item["message"]))
                return [on_object(route, field, value, f"{item.get('type')}: {value}")]
    return []


def _finding(
    snapshot: Snapshot,
    route: Object,
    variant: str,
    field: str,
    now: Any,
    candidates: list[Any],
    kind: str,
    what: str,
    loads: tuple[ObjectRef, ...],
) -> Finding:
    was = pointer.resolve(declared(route), field)
    said = _said(route)
    return Finding(
        fault=GatewayMisrouted.id,
        variant=variant,
        object=ref_of(route),
        confidence=0.97 if said else 0.93,
        summary=f"{ref_of(route)} names {what}.",
        evidence=(*said, on_object(route, field, now, "Where it sends to")),
        facts={
            "field": field,
            "now": now,
            "candidates": candidates,
            "kind": kind,
            "was": was if was is not None and was != now else None,
        },
        affects=loads,
    )
