"""A program may not do at the API server what it has to do.

# What it is
The pod's ServiceAccount lacks a right: no role is bound to it, the binding names another account or a role that
does not exist, or the role lacks the verb or resource.

# How it is recognised
The log repeats "is forbidden: User … cannot … resource …". Bindings and roles of the namespace are evaluated for
that account, verb and resource.
Or the API server refused such a field at the last apply: the live object is then the old one, and well.

# How it is told from its neighbours
An account that does not exist lets no pod be created: `service-account-missing`. Policies and stores refuse in
other words.

# What is changed
A binding's subject or role to the one that is plainly meant; the account in the pod template to what it was; a
misspelled word of the role; or the role's rules to what they were. Never a wildcard, and never a right that only a log
asks for: without history of the role a person decides.
A field that was refused gets back what the live object has there, which was taken.

# How safe that is
The account gets a right that it had, or that the role was plainly written to give. Rights of the whole cluster are for
a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from selfheal.cluster import pointer
from selfheal.cluster.kinds import BY_RESOURCE
from selfheal.cluster.snapshot import Object, Snapshot, ref_of
from selfheal.cluster.workloads import Workload, last_good, mapping, mappings, workloads
from selfheal.faults.evidence import of_log, on_object
from selfheal.faults.fields import ANY, pod_fields
from selfheal.faults.interface import Exact, Fault, FieldEdit, Finding, LastGood, Remedy
from selfheal.faults.nearness import likeness, nearest
from selfheal.faults.refused import REFUSED, refused, taken_back
from selfheal.faults.signals import Signal, signals
from selfheal.incidents.record import Evidence, ObjectRef, Target

_FORBIDDEN = re.compile(
    r"User \\?\"system:serviceaccount:(?P<namespace>[\w.-]+):(?P<account>[\w.-]+)\\?\" cannot (?P<verb>\w+)"
    r" resource \\?\"(?P<resource>[\w./-]+)\\?\"(?: in API group \\?\"(?P<group>[\w.-]*)\\?\")?"
    r"(?: in the namespace \\?\"(?P<where>[\w.-]+)\\?\")?"
)

#: From this likeness on one word is a slip of another.
SLIP = 0.75
_VERBS = frozenset(
    {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "impersonate",
     "use", "approve", "sign"}
)  # fmt: skip
_RESOURCES = frozenset(BY_RESOURCE)
_GROUPS = frozenset(kind.group for kind in BY_RESOURCE.values())


@dataclass(frozen=True)
class _Wish:
    namespace: str
    account: str
    verb: str
    resource: str
    group: str
    where: str


class RbacForbidden(Fault):
    """See the page above."""

    id = "rbac-forbidden"
    blames = ("RoleBinding", "Role", "ServiceAccount", *ANY)
    writes = (
        "/roleRef/*",
        "/subjects/*/name",
        "/subjects/*/namespace",
        "/rules",
        "/rules/*/verbs",
        "/rules/*/verbs/*",
        "/rules/*/resources/*",
        "/rules/*/apiGroups/*",
        *pod_fields("/serviceAccountName"),
    )

    @override
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        yield from refused(snapshot, self.id)
        for workload in workloads(snapshot):
            for signal in signals(snapshot, workload):
                match = (
                    _FORBIDDEN.search(signal.line) if signal.kind == "forbidden" and signal.current else None
                )
                if match is None:
                    continue
                wish = _Wish(
                    match["namespace"],
                    match["account"],
                    match["verb"],
                    match["resource"],
                    match["group"] or "",
                    match["where"] or "",
                )
                if not _own(workload, wish):
                    # A line that speaks of another account is somebody else's, or made up.
                    continue
                if not _allowed(snapshot, wish):
                    yield _finding(snapshot, workload, signal, wish)
                    break

    @override
    def remedy(self, finding: Finding) -> Remedy:
        if finding.variant == REFUSED:
            return taken_back(finding)
        facts = finding.facts
        title = f"Let {facts['account']} {facts['verb']} {facts['resource']}"
        if not facts["field"]:
            return Remedy(
                title,
                (),
                finding.summary,
                escalate="Which role should give the right is for a person to say.",
            )
        value = Exact(facts["wanted"], facts["origin"]) if facts["wanted"] is not None else None
        edit = FieldEdit(finding.object, facts["field"], LastGood(value))
        return Remedy(title, (edit,), finding.summary, requires_recreate=facts["field"] == "/roleRef/name")


def _own(workload: Workload, wish: _Wish) -> bool:
    """Whether the refused account is the one that the workload's pods run as."""
    accounts = {str(workload.spec.get("serviceAccountName") or "default")}
    accounts |= {
        str(mapping(pod.get("spec")).get("serviceAccountName") or "default") for pod in workload.pods
    }
    return wish.namespace == workload.namespace and wish.account in accounts


def _bindings(snapshot: Snapshot, namespace: str) -> list[Object]:
    return sorted(snapshot.list("RoleBinding", namespace), key=lambda item: ref_of(item).name)


def _binds(binding: Object, wish: _Wish) -> bool:
    home = ref_of(binding).namespace
    return any(
        subject.get("kind") == "ServiceAccount"
        and subject.get("name") == wish.account
        and (subject.get("namespace") or home) == wish.namespace
        for subject in mappings(binding.get("subjects"))
    )


def _grants(role: Object | None, wish: _Wish) -> bool:
    plain = wish.resource
    for rule in mappings(mapping(role).get("rules")):
        groups, resources, verbs = (
            [str(item) for item in found] if isinstance(found := rule.get(word), list) else []
            for word in ("apiGroups", "resources", "verbs")
        )
        if (
            (wish.group in groups or "*" in groups)
            and (plain in resources or "*" in resources)
            and (wish.verb in verbs or "*" in verbs)
            and not rule.get("resourceNames")
        ):
            return True
    return False


def _allowed(snapshot: Snapshot, wish: _Wish) -> bool:
    """Whether the roles that are known give the right by now."""
    place = wish.where or wish.namespace
    return any(
        _binds(binding, wish) and _grants(_role(snapshot, binding), wish)
        for binding in _bindings(snapshot, place)
    )


def _role(snapshot: Snapshot, binding: Object) -> Object | None:
    aim = mapping(binding.get("roleRef"))
    if aim.get("kind") == "Role":
        return snapshot.get("Role", ref_of(binding).namespace, str(aim.get("name", "")))
    return snapshot.get("ClusterRole", "", str(aim.get("name", "")))


def _finding(snapshot: Snapshot, workload: Workload, signal: Signal, wish: _Wish) -> Finding:
    place = wish.where or wish.namespace
    line = of_log(signal.pod, signal.container, signal.line, previous=signal.previous)
    blamed, variant, field, wanted, origin, marks, sure = _blamed(snapshot, workload, wish, place)
    before = last_good(snapshot, workload, "/serviceAccountName") if blamed == workload.ref else None
    return Finding(
        fault=RbacForbidden.id,
        variant=variant,
        object=blamed,
        container=signal.container if blamed == workload.ref else "",
        confidence=sure,
        summary=f"{workload.ref} may not {wish.verb} {wish.resource} as {wish.account}: {_why(variant, blamed)}.",
        evidence=(line, *marks),
        facts={
            "account": wish.account,
            "verb": wish.verb,
            "resource": wish.resource,
            "field": field,
            "wanted": wanted,
            "origin": origin,
            "workload": workload.ref.model_dump(),
            "last_good": []
            if before is None
            else [{"field": field, "value": before[0], "origin": before[1]}],
        },
        affects=() if blamed == workload.ref else (workload.ref,),
        mitigation=(
            f"kubectl auth can-i {wish.verb} {wish.resource} -n {place} "
            f"--as=system:serviceaccount:{wish.namespace}:{wish.account}"
        ),
    )


def _why(variant: str, blamed: ObjectRef) -> str:
    return {
        "account": f"{blamed} runs as another account than the one that has the right",
        "role-missing": f"{blamed} names a role that does not exist",
        "subject": f"{blamed} binds the right to another account",
        "role": f"{blamed} does not give it",
        "binding": "no role that gives it is bound to the account",
    }[variant]


_Blame = tuple[ObjectRef, str, str, Any, str, list[Evidence], float]


def _blamed(snapshot: Snapshot, workload: Workload, wish: _Wish, place: str) -> _Blame:
    bound = [item for item in _bindings(snapshot, place) if _binds(item, wish)]
    for binding in bound:
        aim = mapping(binding.get("roleRef"))
        if aim.get("kind") == "Role" and _role(snapshot, binding) is None:
            roles = [ref_of(item).name for item in snapshot.list("Role", place)]
            near = nearest(str(aim.get("name", "")), roles) or next(
                (ref_of(item).name for item in snapshot.list("Role", place) if _grants(item, wish)), None
            )
            marks = [on_object(binding, "/roleRef/name", aim.get("name"), "No Role of that name exists")]
            return ref_of(binding), "role-missing", "/roleRef/name", near, "the Role exists", marks, 0.96
    granting = [
        item
        for item in _bindings(snapshot, place)
        if not _binds(item, wish) and _grants(_role(snapshot, item), wish)
    ]
    account = str(workload.spec.get("serviceAccountName") or "default")
    for binding in granting:
        for index, subject in enumerate(mappings(binding.get("subjects"))):
            if subject.get("kind") != "ServiceAccount":
                continue
            name, home = str(subject.get("name", "")), str(subject.get("namespace") or place)
            exists = snapshot.get("ServiceAccount", home, name) is not None
            if name == wish.account and home != wish.namespace:
                field = f"/subjects/{index}/namespace"
                marks = [
                    on_object(binding, field, subject.get("namespace"), "Another namespace than the pod's")
                ]
                return ref_of(binding), "subject", field, wish.namespace, "the pod's namespace", marks, 0.95
            moved = last_good(snapshot, workload, "/serviceAccountName") is not None
            if exists and (account == "default" or moved):
                field = workload.at("/serviceAccountName")
                now = workload.spec.get("serviceAccountName")
                marks = [
                    on_object(binding, f"/subjects/{index}/name", name, "The account that has the right")
                ]
                if now is not None:
                    marks.append(on_object(workload.ref, field, now, "The account that the pod runs as"))
                return workload.ref, "account", field, name, str(ref_of(binding)), marks, 0.9
            if not exists:
                field = f"/subjects/{index}/name"
                marks = [on_object(binding, field, name, "No such account exists")]
                return ref_of(binding), "subject", field, wish.account, "the pod's account", marks, 0.95
    for binding in bound:
        role = _role(snapshot, binding)
        if role is not None and role.get("kind") == "Role":
            return _extended(role, wish)
    if granting:
        field = "/subjects"
        marks = [
            on_object(granting[0], field, granting[0].get("subjects"), "The pod's account is not among them")
        ]
        return ref_of(granting[0]), "subject", "", None, "", marks, 0.85
    for role in snapshot.list("Role", place):
        if _grants(role, wish):
            held = ObjectRef(kind="ServiceAccount", namespace=wish.namespace, name=wish.account)
            marks = [
                on_object(
                    role,
                    "/metadata/name",
                    ref_of(role).name,
                    "This role gives it and is bound to nobody here",
                )
            ]
            return held, "binding", "", None, "", marks, 0.85
    held = ObjectRef(kind="ServiceAccount", namespace=wish.namespace, name=wish.account)
    blamed = held if snapshot.find(held) is not None else workload.ref
    return blamed, "binding", "", None, "", [], 0.85


def _extended(role: Object, wish: _Wish) -> _Blame:
    """What of the role is to be mended: a slip in a rule, else the verbs of the rule that has the resource, else the rules.

    The refusal is a line of a log, and whoever writes logs may not choose rights: but for a slip, which the role itself
    shows, only the repository's history says what these were.
    """
    rules = mappings(role.get("rules"))
    blamed = ref_of(role)
    for index, rule in enumerate(rules):
        slip = _slip(rule, wish)
        if slip is not None:
            word, position, wanted = slip
            field = pointer.join("rules", index, word, position)
            marks = [on_object(role, field, rule[word][position], f"{wanted} is meant")]
            return blamed, "role", field, wanted, f"{blamed} has the rest of the rule", marks, 0.94
    for index, rule in enumerate(rules):
        if wish.resource in _strings(rule, "resources") and wish.group in _strings(rule, "apiGroups"):
            verbs = _strings(rule, "verbs")
            field = pointer.join("rules", index, "verbs")
            marks = [on_object(role, field, verbs, f"It does not give {wish.verb} on {wish.resource}")]
            return blamed, "role", field, None, "", marks, 0.93
    marks = [on_object(role, "/rules", role.get("rules"), f"It does not give {wish.verb} on {wish.resource}")]
    return blamed, "role", "/rules", None, "", marks, 0.93


def _strings(rule: dict[str, Any], word: str) -> list[str]:
    found = rule.get(word)
    return [str(item) for item in found] if isinstance(found, list) else []


def _slip(rule: dict[str, Any], wish: _Wish) -> tuple[str, int, str] | None:
    """(list, position, what is meant) where a rule would give the right but for one misspelled word."""
    wishes = {"apiGroups": wish.group, "resources": wish.resource, "verbs": wish.verb}
    missing = [word for word, wanted in wishes.items() if wanted not in _strings(rule, word)]
    if len(missing) != 1 or rule.get("resourceNames"):
        return None
    word = missing[0]
    known: frozenset[str] | set[str] = {
        "resources": _RESOURCES, "verbs": _VERBS, "apiGroups": _GROUPS
    }[word]  # fmt: skip
    for position, item in enumerate(_strings(rule, word)):
        if item not in known and item != "*" and likeness(item, wishes[word]) >= SLIP:
            return word, position, wishes[word]
    return None
