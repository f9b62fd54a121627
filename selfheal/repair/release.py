"""Going back on a release: the commits that brought what does not work, found by what they change, and their inverse.

A commit is to blame when the rendered pod template of the workload, or a ConfigMap or Secret that it reads, differs
before and after it; how recent it is does not count. The inverse of all such commits since the last good state must
render to that state again for the workload. Only values from git history come of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.labels import matches, selector_of
from selfheal.cluster.workloads import mapping, pod_labels, pod_spec
from selfheal.errors import NeedsPerson, NotFound, Refused, SelfhealError
from selfheal.faults.interface import FieldEdit, Release
from selfheal.faults.references import references
from selfheal.incidents.record import Analysis, ObjectRef
from selfheal.repair import spans
from selfheal.repair.contract import ContractBroken, aligned, is_checksum, varies
from selfheal.repair.edits.data import same
from selfheal.repair.fields import ABSENT, differing
from selfheal.repair.goal import Goal
from selfheal.repair.history import History
from selfheal.repair.locate import Located, Locator
from selfheal.repair.merge import Overlap, merged
from selfheal.repair.objects import Object, alike, is_hook, ref
from selfheal.repair.sources import source_for
from selfheal.repair.sources.interface import Attempt
from selfheal.repair.view import View
from selfheal.repository.paths import below
from selfheal.repository.tree import Commit, Tree

_TEMPLATE = "/spec/template"
_RELEASE_LABELS = ("helm.sh/chart", "app.kubernetes.io/version", "chart", "version")
_HINT = "A person has to decide how to go back to the release that worked."


class NoWayBack(NeedsPerson):
    """The release cannot be gone back on without a person."""

    code = "no-way-back"


@dataclass(frozen=True)
class Reverted:
    """What goes back. ``whole`` is the inverse of the commits, None when they changed more than this workload.

    ``story`` names the commits for people.
    """

    goals: tuple[Goal, ...]
    commits: tuple[Commit, ...]
    whole: Attempt | None
    story: str


@dataclass(frozen=True)
class _Case:
    tree: Tree
    locator: Locator
    located: Located
    history: History
    workload: ObjectRef


def release_in(edits: Sequence[FieldEdit]) -> FieldEdit | None:
    """The edit that asks for a release to be gone back on."""
    return next((edit for edit in edits if isinstance(edit.value, Release)), None)


def widened(locator: Locator, located: Located, edit: FieldEdit) -> Located:
    """The unit together with the manifests of what the workload reads: plain files are no unit by themselves."""
    unit, namespace = located.unit, edit.object.namespace
    workload = located.object(edit.object)
    if unit.kind != "plain" or workload is None:
        return located
    rendered = {ref(obj, namespace) for obj in located.objects}
    files = list(unit.files)
    for item in sorted(_read_by(namespace, workload) - rendered, key=str):
        places = [
            found.files[0]
            for found in source_for("plain", locator.tools).units(locator.view, [item], "", namespace)
        ]
        beside = [path for path in places if path.rpartition("/")[0] == unit.path]
        if len(beside or places) == 1:
            files += beside or places
    whole = replace(unit, files=tuple(dict.fromkeys(files)))
    return Located(whole, locator.render(whole), located.mismatches)


def reverted(
    tree: Tree, locator: Locator, located: Located, history: History, edit: FieldEdit, analysis: Analysis
) -> Reverted | None:
    """The way back; None where git does not know it, and an older object proves that the field alone differs.

    Raises NeedsPerson for conflicts, and for ranges that touch what cannot simply be gone back on.
    """
    assert isinstance(edit.value, Release)  # noqa: S101 - as release_in found it
    if edit.object.kind == "StatefulSet":
        raise NoWayBack(
            f"{edit.object} keeps data that the newer release may have changed.",
            hint=_HINT,
            code="spans-data",
        )
    good = next((item for item in analysis.last_good if item.field == edit.field), None)
    if good is None:
        raise NoWayBack(f"No earlier release of {edit.object} is known.", hint=_HINT)
    span = history.span(edit.object, edit.field, good.value)
    if not span:
        if edit.value.alone:
            return None
        raise NoWayBack(
            f"More than {edit.field} came with the release of {edit.object}, and git history does not show what it was"
            f" when {good.value} ran.",
            hint="Check the repository out with its history, or revert the release by hand.",
            code="no-history",
        )
    case = _Case(tree, locator, located, history, edit.object)
    culprits = [commit for commit in span if _to_blame(case, commit)]
    good_state = f"{culprits[-1].sha}^"
    spans.unless_final(tree, culprits[-1], span, culprits)
    _unless_rendered_final(case, good_state)
    changes = _inverse(case, culprits)
    return _checked(case, culprits, good_state, changes)


def _to_blame(case: _Case, commit: Commit) -> bool:
    before = _concerning(case, case.history.objects(f"{commit.sha}^", case.workload.namespace))
    after = _concerning(case, case.history.objects(commit.sha, case.workload.namespace))
    if not before or not after:
        raise NoWayBack(
            f"{case.located.unit} does not render at commit {commit.sha[:12]}, so what it changed is not known.",
            hint=_HINT,
        )
    return not same(before, after)


def _concerning(case: _Case, objects: Mapping[ObjectRef, Object]) -> dict[str, Any]:
    """What the workload runs as: its pod template, and the content of what it reads. {} when it is not rendered."""
    workload = objects.get(case.workload)
    if workload is None:
        return {}
    found: dict[str, Any] = {"": pointer.resolve(workload, _TEMPLATE, None)}
    for item in _read_by(case.workload.namespace, workload):
        if item in objects:
            obj = objects[item]
            found[str(item)] = {key: obj[key] for key in ("data", "stringData", "binaryData") if key in obj}
    return found


def _read_by(namespace: str, workload: Object) -> set[ObjectRef]:
    return {
        ObjectRef(kind=item.kind, namespace=namespace, name=item.name)
        for item in references(pod_spec(workload))
    }


def _unless_rendered_final(case: _Case, good_state: str) -> None:
    """Raises NeedsPerson when Jobs, claims and the like, hooks included, rendered differently at the last good state."""
    source, unit = source_for(case.located.unit.kind, case.locator.tools), case.located.unit
    namespace = case.workload.namespace
    try:
        now, before = (
            {ref(obj, namespace): obj for obj in (*source.render(view, unit), *source.hooks(view, unit))}
            for view in (case.locator.view, View(case.tree.at(good_state)))
        )
    except (NotFound, SelfhealError) as error:
        raise NoWayBack(f"Whether the release ran hooks is not known: {error}", hint=_HINT) from error
    for key in sorted(now.keys() | before.keys(), key=str):
        obj = now.get(key) or before.get(key) or {}
        if (key.kind in spans.KINDS or is_hook(obj)) and not same(now.get(key), before.get(key)):
            what = "hook" if is_hook(obj) else key.kind
            raise NoWayBack(
                f"The release changed {key} too, a {what}, which cannot simply be gone back on.",
                hint=_HINT,
                code="spans-migration",
            )


def _inverse(case: _Case, culprits: Sequence[Commit]) -> dict[str, bytes | None]:
    """The files that deploy the workload without what the commits did to them, newest commit first."""
    changes: dict[str, bytes | None] = {}
    for commit in culprits:
        deploying = case.history.inputs(commit.sha) | case.history.inputs(f"{commit.sha}^")
        for path in commit.paths:
            if path not in deploying and not below(path, case.located.unit.path or "\0"):
                continue
            then, before = case.tree.show(commit.sha, path), case.tree.show(f"{commit.sha}^", path)
            now = changes[path] if path in changes else case.locator.view.read(path)
            if now == then:
                changes[path] = before
                continue
            try:
                if now is None or then is None or before is None:
                    raise Overlap("the whole file was added or removed")
                changes[path] = merged(then, now, before)
            except Overlap as error:
                raise NoWayBack(
                    f"Commit {commit.sha[:12]} brought the release, and {path} was changed since where that commit"
                    f" changed it ({error}), so it cannot be reverted as it stands.",
                    hint=_HINT,
                    code="revert-conflict",
                ) from error
    return changes


def _checked(
    case: _Case, culprits: Sequence[Commit], good_state: str, changes: dict[str, bytes | None]
) -> Reverted:
    view, unit, namespace = case.locator.view, case.located.unit, case.workload.namespace
    source = source_for(unit.kind, case.locator.tools)
    named = ", ".join(f"{commit.sha[:12]} of {commit.at:%Y-%m-%d}" for commit in culprits)
    try:
        after = [obj for obj in source.render(view.with_changes(changes), unit) if not is_hook(obj)]
        varying = (
            varies(case.located.objects, [o for o in source.fresh(view, unit) if not is_hook(o)], namespace)
            if unit.kind == "helm"
            else frozenset()
        )
        old, new = aligned(case.located.objects, after, namespace)
    except (Refused, NeedsPerson) as error:
        raise NoWayBack(f"Without commit {named} nothing renders: {error.message}", hint=_HINT) from error
    rendered = {ref(obj, namespace): obj for obj in after}
    if not _alike(case, rendered, case.history.objects(good_state, namespace)):
        raise NoWayBack(
            f"Commit {named} brought the release; undoing that does not render to what ran before it.",
            hint=_HINT,
        )
    origin = f"git history, before commit {culprits[-1].sha[:12]} of {culprits[-1].at:%Y-%m-%d}"
    own = _belonging(case.workload, old[case.workload], old)
    if old.keys() != new.keys():
        odd = ", ".join(str(key) for key in sorted(old.keys() ^ new.keys(), key=str)[:3])
        raise NoWayBack(f"Commit {named} brought the release, and added or removed {odd}.", hint=_HINT)
    goals, others = [], set()
    sums = any(not same(old[key], new[key]) for key in old if key.kind in ("ConfigMap", "Secret"))
    for key in old:
        for field, was, now in differing(old[key], new[key]):
            if (key, field) in varying or (sums and is_checksum(field, was, now)):
                continue
            if key not in own and not _names_the_release(field):
                others.add(key)
                continue
            goals.append(
                Goal(
                    key,
                    field,
                    "remove" if now is ABSENT else "set",
                    None if now is ABSENT else now,
                    None if was is ABSENT else was,
                    origin,
                )
            )
    if others:
        # The names of the chart's release stand on everything; for one workload alone they stay.
        goals = [goal for goal in goals if goal.object in own and not _names_the_release(goal.field)]
    if not goals:
        raise ContractBroken(f"Reverting commit {named} changes nothing that is rendered.")
    story = f"The release came with commit {named}, which is reverted"
    story += (
        f" for {case.workload} alone; it changed {', '.join(str(key) for key in sorted(others, key=str)[:3])} too"
        if others
        else ""
    )
    whole = None if others else Attempt(changes, f"reverts commit {named}")
    return Reverted(tuple(goals), tuple(culprits), whole, story + ".")


def _names_the_release(field: str) -> bool:
    """Whether a field only says which release of a chart an object belongs to."""
    tokens = pointer.parts(field)
    return tokens[-2:-1] == ("labels",) and tokens[-1] in _RELEASE_LABELS


def _alike(case: _Case, now: Mapping[ObjectRef, Object], good: Mapping[ObjectRef, Object]) -> bool:
    left, right = _concerning(case, now), _concerning(case, good)
    return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)


def _belonging(
    wanted: ObjectRef, workload: Object, objects: Mapping[ObjectRef, Object]
) -> frozenset[ObjectRef]:
    """The workload, what it reads, and what is there for it alone: its Services and autoscalers."""
    labels = pod_labels(workload)
    found = {wanted, *_read_by(wanted.namespace, workload)}
    for key, obj in objects.items():
        if key.namespace != wanted.namespace:
            continue
        if key.kind == "Service" and (selector := selector_of(obj)) and matches(selector, labels):
            found.add(key)
        scaled = mapping(pointer.resolve(obj, "/spec/scaleTargetRef", {}))
        if (scaled.get("kind"), scaled.get("name")) == (wanted.kind, wanted.name):
            found.add(key)
    return frozenset(found)
