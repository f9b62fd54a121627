"""The cluster: reachable, every verb a snapshot uses granted (SelfSubjectAccessReview), and none that it never needs."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.clock import Clock
from selfheal.cluster.kinds import KINDS
from selfheal.config import Settings
from selfheal.doctor.finding import Check

#: What a live snapshot lists: (resource, API group), from the table it reads by.
CLUSTER_READS = tuple((kind.resource, kind.group) for kind in KINDS if kind.live)
#: Groups that come with extensions: where an extension is not installed, nobody needs to be granted its kinds.
_EXTENSIONS = ("gateway.networking.k8s.io", "networking.istio.io")
#: What an account of selfheal has no use for: (verb, resource, group, in words).
NEEDLESS = (
    ("get", "secrets", "", "read Secrets"),
    ("create", "pods/exec", "", "run programs in pods"),
    ("create", "pods", "", "create pods"),
    ("patch", "deployments", "apps", "change deployments"),
    ("delete", "pods", "", "delete pods"),
)


def checks(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Raises ConfigurationProblem, CredentialProblem, Outage as the cluster answers."""
    if not settings.endpoints.kubeconfig:
        yield Check(
            "kubernetes",
            "missing",
            "no kubeconfig is set",
            "Causes are found in the cluster.",
            "Set KUBECONFIG.",
        )
        return
    from selfheal.cluster.live import LiveCluster

    cluster = LiveCluster(settings.endpoints.kubeconfig, settings.endpoints.kube_context)
    yield Check("kubernetes", "ok", f"the cluster answers: {cluster.server_version()}")
    denied = [(name, group) for name, group in CLUSTER_READS if not cluster.can("list", name, group=group)]
    refused = [name for name, group in denied if group not in _EXTENSIONS]
    if not cluster.can("get", "pods/log"):
        refused.append("pods/log")
    if refused:
        yield Check(
            "kubernetes", "failed", f"the account may not read {', '.join(refused)}",
            "What cannot be read is unknown, and unknown is not healthy.",
            "Apply the manifest that `selfheal init` writes: kubectl apply -f .github/selfheal/rbac.yaml",
        )  # fmt: skip
    else:
        yield Check("kubernetes", "ok", "the account may read every kind that is built in, and logs")
    if len(denied) > len([name for name in refused if name != "pods/log"]):
        yield Check(
            "kubernetes", "warning", f"the account may not read {', '.join(name for name, group in denied if group in _EXTENSIONS)}",
            "It matters only where these extensions route traffic.", "Apply .github/selfheal/rbac.yaml, which grants them.",
        )  # fmt: skip
    needless = [
        words for verb, resource, group, words in NEEDLESS if cluster.can(verb, resource, group=group)
    ]
    if needless:
        yield Check(
            "kubernetes", "warning", f"the account may {', '.join(needless)}", "selfheal never does any of this; a stolen kubeconfig would.",
            "Use the account of .github/selfheal/rbac.yaml.",
        )  # fmt: skip
