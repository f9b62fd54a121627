"""A Service port has another protocol than the container port it sends to.

# What it is
The Service says UDP (or SCTP) where the program speaks TCP, or the other way round. Endpoints exist, callers are
refused or time out, since nothing forwards their protocol.

# How it is recognised
The protocol of the Service port is compared with the protocol that the pods declare for the port it aims at.
Where they declare none, a probe or an address that callers use (both are TCP) tells.

# How it is told from its neighbours
Another number is `service-port-mismatch`. A port that pods declare for both protocols fits. DNS and the like
that are declared as UDP on both sides are right.

# What is changed
`protocol` of that Service port: to the protocol of the container port.

# How safe that is
Only what the pods declare is written. Pods are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.backends import Backend, asked_ports, backends, complaining, declared, probed
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.service_port_mismatch import aimed
from selfheal.incidents.record import Evidence, Target


class ServiceProtocolMismatch(Fault):
    """See the page above."""

    id = "service-protocol-mismatch"
    blames = ("Service",)
    writes = ("/spec/ports/*/protocol",)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for backend in backends(snapshot):
            for index, port in enumerate(backend.ports):
                finding = _examine(snapshot, backend, index, port)
                if finding is not None:
                    yield finding
                    break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        value = LastGood(Exact(facts["wanted"], facts["origin"]))
        title = f"Let Service {finding.object.name} speak the protocol of its pods"
        return Remedy(title, (FieldEdit(finding.object, facts["field"], value),), finding.summary)


def _examine(snapshot: Snapshot, backend: Backend, index: int, port: dict[str, Any]) -> Finding | None:
    says, where = str(port.get("protocol") or "TCP").upper(), aimed(port)
    pod = backend.pods[0]
    same = [item for item in declared(pod) if where in (item.number, item.name)]
    field = f"/spec/ports/{index}/protocol"
    complaints = complaining(snapshot, backend.ref)
    evidence: list[Evidence] = [on_object(backend.ref, field, says, f"{backend.ref.name} forwards {says}")]
    if same:
        if any(item.protocol == says for item in same):
            return None
        wanted, sure, origin = same[0].protocol, 0.96, f"the container port {where} behind {backend.ref}"
        owned = f"/spec/containers/name={same[0].container}/ports"
        from selfheal.cluster import pointer

        ports = pointer.resolve(pod, owned)
        if ports is not None:
            evidence.append(on_object(pod, owned, ports, f"The pods speak {wanted} on {where}"))
    else:
        if says == "TCP":
            return None
        asked = {number for load in backend.loads for item in load.containers for number in probed(item)}
        used = port.get("port") in asked_ports(snapshot, backend.ref)
        if where not in asked and not (used and complaints):
            return None
        wanted, sure, origin = "TCP", 0.88, f"probes and callers of {backend.ref} speak TCP"
    evidence += [
        of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
        for _load, signal in complaints[:2]
    ]
    return Finding(
        fault=ServiceProtocolMismatch.id,
        variant="protocol",
        object=backend.ref,
        confidence=sure,
        summary=f"{backend.ref} forwards {says} on port {port.get('port')}; its pods speak {wanted}.",
        evidence=tuple(evidence),
        facts={"field": field, "wanted": wanted, "origin": origin},
        affects=tuple(load.ref for load in backend.loads),
    )
