"""The volume that a claim needs is held by another claim.

# What it is
A volume serves one claim at a time. One that is bound to another claim, or was released and never freed, cannot
be bound again, so the claim stays Pending.

# How it is recognised
The claim fits a volume in class, access modes, capacity, mode and labels (or names it), and that volume's
`claimRef` names another claim, or an earlier claim of the same name.

# How it is told from its neighbours
When something else does not fit, it is `pvc-binding-mismatch`. A free volume that fits is bound by itself.

# What is changed
Nothing is written: freeing a volume may lose data. A person makes another volume, deletes the stale claim, or
clears `claimRef`.

# How safe that is
A person decides; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.cluster.workloads import mapping
from selfheal.faults.claims import affected, meant, unbound, waits_for_consumer
from selfheal.faults.evidence import on_object
from selfheal.faults.interface import Fault, Finding, Remedy
from selfheal.incidents.record import Target


class PvOccupied(Fault):
    """See the page above."""

    id = "pv-occupied"
    blames = ("PersistentVolumeClaim", "StatefulSet")
    writes = ()

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        for claim in unbound(snapshot):
            near = None if waits_for_consumer(snapshot, claim) else meant(snapshot, claim)
            named = claim.spec.get("volumeName")
            if near is None or "occupied" not in near.reasons:
                continue
            if near.reasons != {"occupied"} and named != ref_of(near.volume).name:
                continue
            volume = ref_of(near.volume)
            held = mapping(mapping(near.volume.get("spec")).get("claimRef"))
            holder = f"{held.get('namespace', '')}/{held.get('name', '')}"
            phase = mapping(near.volume.get("status")).get("phase")
            evidence = claim.evidence("volumeName" if named else "accessModes", "What the claim asks for")
            for part in ("namespace", "name"):
                where = f"/spec/claimRef/{part}"
                if pointer.exists(near.volume, where):
                    evidence.append(
                        on_object(volume, where, held.get(part), f"{volume.name} is held by {holder}")
                    )
            yield Finding(
                fault=self.id,
                variant="released" if phase == "Released" else "bound",
                object=claim.blamed,
                confidence=0.95,
                summary=f"The claim {claim.ref.name} needs the volume {volume.name}, which is held by {holder} ({phase}).",
                evidence=tuple(evidence),
                facts={"volume": volume.name, "holder": holder},
                affects=affected(claim),
                mitigation=f"kubectl get pv {volume.name} -o yaml",
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        return Remedy(
            title=f"Give {finding.object.name} a volume of its own",
            edits=(),
            reason=finding.summary,
            escalate=f"The volume {finding.facts['volume']} is held by {finding.facts['holder']}; freeing it may lose data.",
        )
