"""A manifest uses an API version that the cluster no longer serves.

# What it is
Kubernetes removes old API versions. An apply of such a manifest fails, and the object stays as it was, or does not exist.

# How it is recognised
The last apply printed "no matches for kind … in version …", or that the server could not find the requested resource,
with the object's name.

# How it is told from its neighbours
A kind of a custom resource that is not installed is no removed version: only versions that Kubernetes itself removed
count as such. An object that exists and fails has another fault.

# What is changed
`apiVersion`, to the version that replaced it, where the fields stayed the same. Where fields were renamed (Ingress,
HorizontalPodAutoscaler, CronJob in old versions) a person converts them.

# How safe that is
The object is stored in the same version by the API server anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from selfheal.cluster.kinds import BY_KIND
from selfheal.cluster.snapshot import Snapshot
from selfheal.faults.evidence import quoted
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, Remedy
from selfheal.incidents.record import Evidence, ObjectRef, Target

_NO_MATCH = re.compile(r"no matches for kind \"(?P<kind>\w+)\" in version \"(?P<version>[\w./-]+)\"")
_NAME = re.compile(r"name: \"(?P<name>[\w.-]+)\"(?: namespace: \"(?P<namespace>[\w.-]*)\")?")
_SHORT = re.compile(r"(?P<kind>[A-Za-z]+)/(?P<name>[\w.-]+)")
#: Removed versions and what serves the kind now; True where the fields stayed the same.
#: Source: the deprecated API migration guide of kubernetes.io.
REMOVED: dict[tuple[str, str], tuple[str, bool]] = {
    ("Deployment", "extensions/v1beta1"): ("apps/v1", True),
    ("Deployment", "apps/v1beta1"): ("apps/v1", True),
    ("Deployment", "apps/v1beta2"): ("apps/v1", True),
    ("DaemonSet", "extensions/v1beta1"): ("apps/v1", True),
    ("DaemonSet", "apps/v1beta2"): ("apps/v1", True),
    ("StatefulSet", "apps/v1beta1"): ("apps/v1", True),
    ("StatefulSet", "apps/v1beta2"): ("apps/v1", True),
    ("ReplicaSet", "extensions/v1beta1"): ("apps/v1", True),
    ("NetworkPolicy", "extensions/v1beta1"): ("networking.k8s.io/v1", True),
    ("Ingress", "extensions/v1beta1"): ("networking.k8s.io/v1", False),
    ("Ingress", "networking.k8s.io/v1beta1"): ("networking.k8s.io/v1", False),
    ("IngressClass", "networking.k8s.io/v1beta1"): ("networking.k8s.io/v1", True),
    ("CronJob", "batch/v1beta1"): ("batch/v1", True),
    ("CronJob", "batch/v2alpha1"): ("batch/v1", True),
    ("PodDisruptionBudget", "policy/v1beta1"): ("policy/v1", True),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta1"): ("autoscaling/v2", False),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta2"): ("autoscaling/v2", True),
    ("EndpointSlice", "discovery.k8s.io/v1beta1"): ("discovery.k8s.io/v1", False),
    ("Role", "rbac.authorization.k8s.io/v1beta1"): ("rbac.authorization.k8s.io/v1", True),
    ("RoleBinding", "rbac.authorization.k8s.io/v1beta1"): ("rbac.authorization.k8s.io/v1", True),
    ("StorageClass", "storage.k8s.io/v1beta1"): ("storage.k8s.io/v1", True),
    ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1beta1"): (
        "admissionregistration.k8s.io/v1",
        False,
    ),
    ("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1beta1"): (
        "admissionregistration.k8s.io/v1",
        False,
    ),
}


class ApiVersionRemoved(Fault):
    """See the page above."""

    id = "api-version-removed"
    blames = tuple(BY_KIND)
    writes = ("/apiVersion",)

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        seen = set()
        for line in snapshot.sync().splitlines():
            match = _NO_MATCH.search(line)
            if match is None:
                continue
            kind, version = match["kind"], match["version"]
            ref = _ref(snapshot, line, kind)
            if (ref, version) in seen:
                continue
            seen.add((ref, version))
            serves, same = REMOVED.get((kind, version), ("", False))
            yield Finding(
                fault=self.id,
                variant="removed" if serves else "unknown",
                object=ref,
                confidence=0.97 if serves else 0.75,
                summary=f"{ref} is written for {version}, which the cluster does not serve{f'; {serves} is' if serves else ''}.",
                evidence=(Evidence(id="", source="sync", object=ref, message=quoted(line)),),
                facts={"kind": kind, "version": version, "serves": serves, "same": same},
            )

    @override
    def remedy(self, finding: Finding) -> Remedy:
        facts = finding.facts
        title = f"Write {finding.object.name} for a version that is served"
        if not facts["serves"]:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate=f"Nothing known serves {facts['kind']} of {facts['version']}.",
            )
        if not facts["same"]:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate=f"Fields changed between {facts['version']} and {facts['serves']}.",
            )
        value = Exact(facts["serves"], "the migration guide of Kubernetes")
        return Remedy(title, (FieldEdit(finding.object, "/apiVersion", value),), finding.summary)


def _ref(snapshot: Snapshot, line: str, kind: str) -> ObjectRef:
    """The object that a line of the apply is about; the namespace from the line, else the only one there is."""
    named = _NAME.search(line)
    name, namespace = (named["name"], named["namespace"] or "") if named else ("", "")
    if not name:
        short = next(
            (item for item in _SHORT.finditer(line) if item["kind"].lower().startswith(kind.lower())), None
        )
        name = short["name"] if short else ""
    entry = BY_KIND.get(kind)
    places = snapshot.namespaces()
    if not namespace and (entry is None or entry.namespaced) and len(places) == 1:
        namespace = places[0]
    return ObjectRef(kind=kind, namespace=namespace, name=name)
