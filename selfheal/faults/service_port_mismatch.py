"""A Service sends to a port on which its pods do not listen.

# What it is
The Service's `targetPort` is not the port of the program (or its name is no port's name), or the Service's own
`port` is not the one that callers use. Endpoints exist, connections are refused or time out.

# How it is recognised
The Service selects ready pods. Its target is a name that no container port has; or a number that no container
declares, no probe asks successfully and no log names, while the pods declare another; or callers address the
Service by a port that it does not offer while nothing changed on their side. Callers that complain about the
Service confirm it.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
Without ready pods it is their readiness; without pods the selector. A port of the right number and another
protocol is `service-protocol-mismatch`. When one caller of several uses a wrong port, or a caller's template
changed, the caller is wrong (`env-var-invalid`, `dependency-unreachable`). A policy that blocks makes time-outs
although specs fit.

# What is changed
`targetPort` (or `port`) of that Service port: to what it was in the last applied manifest or in git history, to
the one container port that fits, or to the port that callers use.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
Only ports that stand in specs are written. Pods are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, earlier, mapping, mappings
from selfheal.cluster.workloads import declared as applied
from selfheal.faults.backends import Backend, Declared, asked_ports, backends, complaining, declared, probed
from selfheal.faults.calls import addresses, service_of
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, OneOf, Remedy
from selfheal.faults.ports import listening
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.incidents.record import Evidence, Target

_SIDE = ("metrics", "admin", "debug", "prometheus", "health", "probe", "management")


class ServicePortMismatch(Fault):
    """See the page above."""

    id = "service-port-mismatch"
    blames = ("Service",)
    writes = ("/spec/ports/*/targetPort", "/spec/ports/*/port", "/spec/ports/*/*")

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for backend in backends(snapshot):
            if not backend.serving:
                continue
            wrong = [
                finding
                for index, port in enumerate(backend.ports)
                if (finding := _target(snapshot, backend, index, port)) is not None
            ]
            if wrong:
                yield wrong[0]
                continue
            finding = _offered(snapshot, backend)
            if finding is not None:
                yield finding

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        candidates = tuple(facts["candidates"])
        title = f"Let Service {finding.object.name} use the port of its pods"
        if facts["was"] is not None:
            fallback: Any = Exact(facts["was"], f"the last applied manifest of {finding.object}")
        elif len(candidates) == 1:
            fallback = Exact(candidates[0], facts["origin"])
        else:
            fallback = OneOf(candidates, facts["origin"]) if candidates else None
        edits = [FieldEdit(finding.object, facts["field"], LastGood(fallback))]
        if facts.get("with_target"):
            # Where the repository writes the target out, it says the same wrong number.
            edits.append(
                FieldEdit(finding.object, facts["with_target"], LastGood(fallback), where_written=True)
            )
        return Remedy(title, tuple(edits), finding.summary)


def aimed(port: dict[str, Any]) -> Any:
    """Where a Service port sends to: a number or a name."""
    found = port.get("targetPort")
    found = port.get("port") if found in (None, "", 0) else found
    return int(found) if isinstance(found, str) and found.isdecimal() else found


def _target(snapshot: Snapshot, backend: Backend, index: int, port: dict[str, Any]) -> Finding | None:
    where = aimed(port)
    known = [item for pod in backend.pods for item in declared(pod)]
    field = f"/spec/ports/{index}/targetPort"
    was = mappings(mapping(applied(backend.service).get("spec")).get("ports"))
    was_value = was[index].get("targetPort", was[index].get("port")) if index < len(was) else None
    was_value = was_value if was_value is not None and was_value != port.get("targetPort") else None
    complaints = complaining(snapshot, backend.ref)
    if isinstance(where, str):
        if any(item.name == where for item in known):
            return None
        return _finding(snapshot, backend, field, where, known, port, was_value, 0.96, complaints)
    stale = any(item.number == where for item in known)
    if not known or (stale and not _refused(complaints, port)):
        return None
    # Declaring ports is optional. A probe that succeeds on the number, or a log that names it, proves it.
    asked = {number for load in backend.loads for item in load.containers for number in probed(item)}
    heard = {
        number
        for load in backend.loads
        for item in load.containers
        for pod in load.pods[:2]
        for number, _evidence in listening(snapshot, pod, item)
    }
    if where in asked or where in heard or (stale and not asked):
        return None
    if was_value is None and not stale and _was_declared(snapshot, backend, where):
        # The pods declare something else since lately, and the Service is as it was.
        return None
    offered = _defaulted(snapshot, backend, index, port, known)
    if offered is not None:
        return offered
    alone = aimed(port) == port.get("port") and port.get("port") not in asked_ports(snapshot, backend.ref)
    seen = len(backend.ports) == 1 and (asked or heard)
    if alone and not (complaints or was_value is not None or seen):
        # One number, offered as it is sent to, for which nobody asks: that the pods do not declare it tells nothing.
        return None
    if stale:
        # Declared, yet refused to callers while the probes of ready pods ask elsewhere: the program has moved.
        known = [item for item in known if item.number != where]
        known += [Declared("", "", number, "TCP") for number in sorted(asked)]
        return _finding(snapshot, backend, field, where, known, port, was_value, 0.8, complaints)
    sure = 0.96 if complaints or was_value is not None else 0.85 if asked or heard else 0.78
    if len(backend.ports) > 1 and not complaints and was_value is None:
        sure -= 0.1
    return _finding(snapshot, backend, field, where, known, port, was_value, round(sure, 2), complaints)


def _was_declared(snapshot: Snapshot, backend: Backend, number: Any) -> bool:
    """Whether an older template behind the Service, with the image of today, declared the port."""
    return any(
        item.get("image") == container.spec.get("image")
        and any(port.get("containerPort") == number for port in mappings(item.get("ports")))
        for load in backend.loads
        for container in load.containers
        for older in earlier(snapshot, load.object)
        if (item := mapping(pointer.resolve(older.spec, container.pointer)))
    )


def _defaulted(
    snapshot: Snapshot, backend: Backend, index: int, port: dict[str, Any], known: list[Declared]
) -> Finding | None:
    """One number for both, as where no target is written: callers ask for another, on which the pods listen.

    Then the number of the Service is wrong, and its target with it.
    """
    number = port.get("port")
    asked = asked_ports(snapshot, backend.ref)
    offered = {item.get("port") for item in backend.ports}
    meant = [other for other in asked if other not in offered and any(item.number == other for item in known)]
    if aimed(port) != number or number in asked or len(meant) != 1:
        return None
    load = asked[meant[0]][0]
    address = next(
        (
            item
            for item in addresses(snapshot, load)
            if item.port == meant[0] and _is(snapshot, load, item.host, backend)
        ),
        None,
    )
    field = f"/spec/ports/{index}/port"
    evidence = [on_object(backend.ref, field, number, f"The port {backend.ref.name} offers and sends to")]
    if address is not None:
        told = f"{load.ref} calls port {meant[0]}"
        evidence.append(on_object(address.holder, address.field, address.value, told))
    return Finding(
        fault=ServicePortMismatch.id,
        variant="port",
        object=backend.ref,
        confidence=0.95,
        summary=f"{backend.ref} offers and sends to port {number}; its pods listen on {meant[0]}, for which its callers ask.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "current": number,
            "candidates": meant,
            "origin": f"the address in {load.ref} and the container ports behind {backend.ref}",
            "was": None,
            "with_target": f"/spec/ports/{index}/targetPort",
        },
        affects=tuple(item.ref for item in backend.loads),
    )


def _refused(complaints: list[Any], port: dict[str, Any]) -> bool:
    """Whether callers are refused at this very port of the Service."""
    return any(
        signal.kind == "refused" and signal.port in (0, port.get("port")) for _load, signal in complaints
    )


def _candidates(known: list[Declared], port: dict[str, Any], others: set[Any]) -> list[Any]:
    """Ports of the containers that this Service port may mean, the likeliest alone where one is plainly meant."""
    name, number = str(port.get("name") or ""), port.get("port")
    for meant in (
        [item for item in known if name and item.name == name],
        [item for item in known if item.number == number],
    ):
        found: list[Any] = list(dict.fromkeys(item.number for item in meant))
        if len(found) == 1:
            return found
    main = [item for item in known if not any(word in item.name for word in _SIDE)]
    left = [item.number for item in main or known if item.number not in others]
    return list(dict.fromkeys(left or [item.number for item in known]))


def _finding(
    snapshot: Snapshot,
    backend: Backend,
    field: str,
    where: Any,
    known: list[Declared],
    port: dict[str, Any],
    was: Any,
    confidence: float,
    complaints: list[Any],
) -> Finding:
    others = {aimed(item) for item in backend.ports if item is not port}
    candidates = _candidates(known, port, others)
    if isinstance(where, str):
        names = {item.number: item.name for item in known if item.name}
        candidates = [names.get(item, item) for item in candidates]
    shown = on_object(backend.ref, field, port.get("targetPort"), f"{backend.ref.name} sends to {where}")
    pod = backend.serving[0]
    evidence: list[Evidence] = [shown]
    held = next((item for item in known if item.number in candidates or item.name in candidates), None)
    if held is not None:
        owned = f"/spec/containers/name={held.container}/ports"
        ports = pointer.resolve(pod, owned)
        if ports is not None:
            evidence.append(on_object(pod, owned, ports, f"What the pods of {backend.ref.name} declare"))
    evidence += [
        of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
        for _load, signal in complaints[:2]
    ]
    numbers = ", ".join(str(item.number) for item in dict.fromkeys(known))
    return Finding(
        fault="service-port-mismatch",
        variant="target-port",
        object=backend.ref,
        confidence=confidence,
        summary=f"{backend.ref} sends to port {where}, on which its pods do not listen; they declare {numbers or 'none'}.",
        evidence=tuple(evidence),
        facts={
            "field": field,
            "current": port.get("targetPort"),
            "candidates": candidates[:6],
            "origin": f"the container ports behind {backend.ref}",
            "was": was,
        },
        affects=tuple(load.ref for load in backend.loads),
        mitigation=f"kubectl -n {backend.ref.namespace} describe service {backend.ref.name}",
    )


def _offered(snapshot: Snapshot, backend: Backend) -> Finding | None:
    """Callers use a port that the Service does not offer, and nothing changed on their side."""
    if not backend.ports:
        return None
    offered = {port.get("port") for port in backend.ports}
    headless = mapping(backend.service.get("spec")).get("clusterIP") == "None"
    asked = asked_ports(snapshot, backend.ref)
    right = {str(load.ref) for number, loads in asked.items() if number in offered for load in loads}
    was = mappings(mapping(applied(backend.service).get("spec")).get("ports"))
    for number, loads in sorted(asked.items()):
        if number in offered or headless:
            continue
        wrong = [load for load in loads if not _changed(snapshot, load, backend, number)]
        index = next((at for at, port in enumerate(was) if port.get("port") == number), None)
        was_it = index is not None and index < len(backend.ports)
        if not wrong or (not was_it and (right or len(wrong) < len(loads))):
            continue
        complaints = complaining(snapshot, backend.ref)
        if not complaints and not was_it and len(wrong) < 2:
            continue
        if len(wrong) < 2 and not was_it and _conventional(backend):
            # The Service offers what its pods listen on; the one caller is the odd one.
            continue
        at = index if index is not None and was_it else _odd(backend, set(asked))
        field = f"/spec/ports/{at}/port"
        address = next(
            item
            for item in addresses(snapshot, wrong[0])
            if item.port == number and _is(snapshot, wrong[0], item.host, backend)
        )
        evidence = [
            on_object(
                backend.ref, field, backend.ports[at].get("port"), f"The port {backend.ref.name} offers"
            ),
            on_object(address.holder, address.field, address.value, f"{wrong[0].ref} calls port {number}"),
            *(
                of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
                for _load, signal in complaints[:2]
            ),
        ]
        return Finding(
            fault="service-port-mismatch",
            variant="port",
            object=backend.ref,
            confidence=0.95 if was_it or (complaints and len(wrong) > 1) else 0.82,
            summary=f"{backend.ref} offers port {backend.ports[at].get('port')}; its callers use {number}.",
            evidence=tuple(evidence),
            facts={
                "field": field,
                "current": backend.ports[at].get("port"),
                "candidates": [number],
                "origin": f"the address in {wrong[0].ref}",
                "was": number if was_it else None,
            },
            affects=tuple(load.ref for load in backend.loads),
        )
    return None


def _is(snapshot: Snapshot, load: Workload, host: str, backend: Backend) -> bool:
    service: Object | None = service_of(snapshot, load.namespace, host)
    return service is not None and ref_of(service) == backend.ref


def _odd(backend: Backend, asked: set[int]) -> int:
    """The Service port that no caller uses."""
    return next((at for at, port in enumerate(backend.ports) if port.get("port") not in asked), 0)


def _conventional(backend: Backend) -> bool:
    """Whether the Service offers the very number it sends to."""
    return all(port.get("port") == aimed(port) for port in backend.ports)


def _changed(snapshot: Snapshot, load: Workload, backend: Backend, number: int) -> bool:
    """Whether the caller's own template named another port before."""
    for address in addresses(snapshot, load):
        if address.port != number or not _is(snapshot, load, address.host, backend):
            continue
        if address.holder != load.ref:
            continue
        relative = address.field.removeprefix(load.spec_pointer)
        for older in earlier(snapshot, load.object):
            was = pointer.resolve(older.spec, relative)
            if was is not None and was != address.value:
                return True
        before = pointer.resolve(applied(load.object), address.field)
        if isinstance(before, str) and before != address.value:
            return True
    return False
