"""An Ingress sends its callers nowhere.

# What it is
A rule names a Service that does not exist, or a port that the Service does not offer; or the Ingress names a class
that no controller serves.

# How it is recognised
Each backend is compared with the Services of the namespace and their ports, by number and by name; the class with the
ingress classes that exist.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
A Service that exists and has no endpoints has its own reason. TLS trouble is `tls-secret-invalid`.

# What is changed
The backend's Service name or port, or the class: to what it was before, or to the one that is plainly meant.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
Only Services, ports and classes that exist are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import declared, mapping, mappings, strings
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, NearName, OneOf, Remedy
from selfheal.faults.nearness import nearest
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.stores import behind
from selfheal.incidents.record import ObjectRef, Target

_CLASS = "kubernetes.io/ingress.class"


class IngressBackendInvalid(Fault):
    """See the page above."""

    id = "ingress-backend-invalid"
    blames = ("Ingress",)
    writes = (
        *(
            f"{where}/service/{word}"
            for where in ("/spec/rules/*/http/paths/*/backend", "/spec/defaultBackend")
            for word in ("name", "port", "port/number", "port/name")
        ),
        "/spec/ingressClassName",
        "/spec/rules/**",
        "/spec/tls/**",
        "/metadata/annotations/kubernetes.io~1ingress.class",
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for ingress in snapshot.list("Ingress"):
            finding = next((item for item in _wrong(snapshot, ingress)), None)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Let {finding.object.name} send to what exists"
        values = tuple(facts["candidates"])
        fallback: Any = None
        if facts["was"] is not None:
            fallback = Exact(facts["was"], "the last applied manifest")
        elif finding.variant == "port":
            fallback = (
                Exact(values[0], facts["origin"]) if len(values) == 1 else OneOf(values, facts["origin"])
            )
        elif values:
            fallback = NearName(facts["kind"], str(facts["now"]), values)
        return Remedy(
            title, (FieldEdit(finding.object, facts["field"], LastGood(fallback)),), finding.summary
        )


def backends_of(ingress: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pointer, backend) of every backend that is a Service."""
    spec = mapping(ingress.get("spec"))
    default = mapping(mapping(spec.get("defaultBackend")).get("service"))
    if default:
        yield "/spec/defaultBackend/service", default
    for rule_at, rule in enumerate(mappings(spec.get("rules"))):
        for path_at, path in enumerate(mappings(mapping(rule.get("http")).get("paths"))):
            service = mapping(mapping(path.get("backend")).get("service"))
            if service:
                yield f"/spec/rules/{rule_at}/http/paths/{path_at}/backend/service", service


def _wrong(snapshot: Snapshot, ingress: Object) -> Iterator[Finding]:
    ref = ref_of(ingress)
    if snapshot.known("Service", ref.namespace):
        names = [ref_of(item).name for item in snapshot.list("Service", ref.namespace)]
        taken = {str(service.get("name")) for _where, service in backends_of(ingress)}
        for where, service in backends_of(ingress):
            name = str(service.get("name", ""))
            held = snapshot.get("Service", ref.namespace, name)
            if held is None:
                free = [item for item in names if item not in taken]
                near = nearest(name, free) or nearest(name, names)
                yield _finding(
                    ingress,
                    "service",
                    f"{where}/name",
                    name,
                    [near] if near else names[:20],
                    "Service",
                    f"the Service {name}, which does not exist",
                    0.95,
                    _loads(snapshot, ref, near),
                )
                continue
            finding = _port(snapshot, ingress, where, service, held)
            if finding is not None:
                yield finding
    yield from _class(snapshot, ingress)


def _loads(snapshot: Snapshot, ref: ObjectRef, name: str | None) -> tuple[ObjectRef, ...]:
    service = snapshot.get("Service", ref.namespace, name) if name else None
    return tuple(item.ref for item in behind(snapshot, service)) if service is not None else ()


def _port(
    snapshot: Snapshot, ingress: Object, where: str, service: dict[str, Any], held: Object
) -> Finding | None:
    port = mapping(service.get("port"))
    ports = mappings(mapping(held.get("spec")).get("ports"))
    word = "name" if port.get("name") else "number"
    asked = port.get(word)
    if (
        asked is None
        or not ports
        or any(item.get("name" if word == "name" else "port") == asked for item in ports)
    ):
        return None
    offered = [item.get("name" if word == "name" else "port") for item in ports]
    candidates = [item for item in offered if item is not None]
    what = f"port {asked} of the Service {service.get('name')}, which offers {', '.join(map(str, candidates)) or 'none of that kind'}"
    loads = _loads(snapshot, ref_of(ingress), str(service.get("name")))
    return _finding(ingress, "port", f"{where}/port/{word}", asked, candidates, "port", what, 0.95, loads)


def _class(snapshot: Snapshot, ingress: Object) -> Iterator[Finding]:
    named = mapping(ingress.get("spec")).get("ingressClassName")
    field = "/spec/ingressClassName"
    if not named:
        named = strings(metadata(ingress).get("annotations")).get(_CLASS)
        field = "/metadata/annotations/" + pointer.escape(_CLASS)
    if not isinstance(named, str) or not snapshot.known("IngressClass"):
        return
    classes = [ref_of(item).name for item in snapshot.list("IngressClass")]
    # An annotation may name what only the controller knows; an address shows that it was served.
    served = bool(mappings(mapping(mapping(ingress.get("status")).get("loadBalancer")).get("ingress")))
    if named in classes or served or (not classes and field != "/spec/ingressClassName"):
        return
    near = nearest(named, classes)
    candidates = [near] if near else classes
    sure = 0.92 if classes else 0.75
    yield _finding(
        ingress,
        "class",
        field,
        named,
        candidates,
        "IngressClass",
        f"the class {named}, which no controller serves",
        sure,
        (),
    )


def _finding(
    ingress: Object,
    variant: str,
    field: str,
    now: Any,
    candidates: list[Any],
    kind: str,
    what: str,
    confidence: float,
    loads: tuple[ObjectRef, ...],
) -> Finding:
    ref = ref_of(ingress)
    was = pointer.resolve(declared(ingress), field)
    return Finding(
        fault=IngressBackendInvalid.id,
        variant=variant,
        object=ref,
        confidence=confidence,
        summary=f"{ref} names {what}.",
        evidence=(on_object(ref, field, now, "Where it sends to"),),
        facts={
            "field": field,
            "now": now,
            "candidates": candidates,
            "kind": kind,
            "origin": f"the ports of the Service behind {ref}",
            "was": was if was is not None and was != now else None,
        },
        affects=loads,
        mitigation=f"kubectl -n {ref.namespace} describe ingress {ref.name}",
    )
