"""A change that an agent edited freely: what can be proven of it without a remedy to hold it against.

That every object which it changes is known and listed, that it reaches no other environment, and what schema and policy
say. Not that it helps; so it is always people who merge it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from selfheal.config import Settings
from selfheal.errors import NeedsPerson, SelfhealError
from selfheal.incidents.record import ObjectRef, PolicyVerdict, RenderedChange, Source, Target, compact
from selfheal.repair import policy, risks, schema
from selfheal.repair.contract import ContractBroken, changed_fields, varies
from selfheal.repair.environments import Relatives
from selfheal.repair.locate import Located, Locator
from selfheal.repair.objects import Object, is_hook, ref
from selfheal.repair.sources import source_for
from selfheal.repair.sources.gitops import hints
from selfheal.repair.tools import Tools, tools_for
from selfheal.repair.view import View
from selfheal.repository.paths import below
from selfheal.repository.tree import Tree

#: Rendered fields beyond which nobody reads the list with care.
MOST = 20
_VALUE = 160
#: What may be rendered by something: such a file has to belong to what deploys the target.
_RENDERED = (".yaml", ".yml", ".json", ".tpl", ".jsonnet", ".libsonnet", ".cue")


class _Differs:
    """The objects of one unit that differ, before and after, and each field of them."""

    def __init__(self, before: Sequence[Object], after: Sequence[Object], namespace: str) -> None:
        self.before, self.after = _index(before, namespace), _index(after, namespace)
        self.before, self.after = (
            {key: obj for key, obj in self.before.items() if self.after.get(key) != obj},
            {key: obj for key, obj in self.after.items() if self.before.get(key) != obj},
        )

    def fields(self, varying: frozenset[tuple[ObjectRef, str]]) -> tuple[RenderedChange, ...]:
        found = []
        for key in sorted(self.before.keys() | self.after.keys(), key=str):
            old, new = self.before.get(key), self.after.get(key)
            if old is None or new is None:
                told = {"before": None if old is None else "there", "after": None if new is None else "there"}
                found.append(RenderedChange(object=key, field="", origin="edited freely", **told))
                continue
            found += [
                RenderedChange(
                    object=key, field=field, before=_short(was), after=_short(now), origin="edited freely"
                )
                for field, was, now in changed_fields(old, new)
                if (key, field) not in varying
            ]
        return tuple(found)


def judged(
    tree: Tree,
    changes: Mapping[str, bytes | None],
    *,
    settings: Settings,
    source: Source | None,
    target: Target | None,
    tools: Tools | None,
    now: datetime,
) -> tuple[tuple[PolicyVerdict, ...], tuple[RenderedChange, ...]]:
    """A verdict a rule, and every rendered field that changes. ``changes`` apply to ``tree``, as was proven before."""
    if not settings.policy.code_changes:
        told = "Files are edited freely only where policy.code_changes is set."
        return (PolicyVerdict(rule="code-changes", passed=False, detail=told),), ()
    passed = PolicyVerdict(rule="code-changes", passed=True, detail="merged by people only")
    view = View(tree)
    files = {path: (view.read(path), after) for path, after in changes.items()}
    programs = tools_for(settings, tools=tools)
    try:
        differs, fields, registries = _rendered(view, changes, source, target, programs)
    except SelfhealError as error:
        broken = PolicyVerdict(rule="render-contract", passed=False, detail=error.message[:400])
        # What the files alone say is told as well.
        rest = policy.verdicts(policy.Proposal(files, now=now, free=True), settings.policy)
        return (passed, broken, *rest), ()
    proposal = policy.Proposal(files, differs.before, differs.after, registries, now, free=True)
    told = f"{len(fields)} rendered fields change" if fields else "Nothing that is rendered changes"
    told += f"; {programs.caveat}" if programs.caveat else ""
    verdicts = (
        passed,
        PolicyVerdict(rule="render-contract", passed=True, detail=told),
        schema.verdict(differs.before, differs.after, programs.capabilities.version),
        *policy.verdicts(proposal, settings.policy),
    )
    return verdicts, fields


def _rendered(
    view: View,
    changes: Mapping[str, bytes | None],
    source: Source | None,
    target: Target | None,
    tools: Tools,
) -> tuple[_Differs, tuple[RenderedChange, ...], frozenset[str]]:
    """Raises SelfhealError for what cannot be shown completely."""
    manifests = [path for path in changes if path.lower().endswith(_RENDERED)]
    locator = Locator(view, tools, live=lambda _wanted: None)
    try:
        located = _located(locator, source, target, frozenset(changes))
    except NeedsPerson:
        if manifests:
            raise
        # A program of its own, deployed from elsewhere: there is nothing here that could be rendered.
        return _Differs((), (), ""), (), frozenset()
    unit, namespace = located.unit, target.namespace if target is not None else ""
    adapter = source_for(unit.kind, tools)
    changed = view.with_changes(changes)
    if unit.kind == "plain":
        beside = [path for path in manifests if below(path, unit.path)]
        unit = replace(unit, files=tuple(dict.fromkeys((*unit.files, *beside))))
    reads = adapter.inputs(view, unit) | adapter.inputs(changed, unit)
    strays = sorted(set(manifests) - reads)
    if strays:
        raise ContractBroken(f"{strays[0]} is not part of {unit}, so what it changes cannot be shown.")
    reached = Relatives(locator, located, hints(view, namespace)).reached(changes)
    if reached:
        raise ContractBroken(
            f"It reaches other environments: {', '.join(str(item) for item in reached[:4])}."
        )
    # Hooks run with the next sync, so what they become is listed as well.
    before, after = (
        [*_kept(adapter.render(each, unit)), *adapter.hooks(each, unit)] for each in (view, changed)
    )
    varying: frozenset[tuple[ObjectRef, str]] = frozenset()
    if unit.kind == "helm":
        varying = varies(_kept(before), _kept(adapter.fresh(view, unit)), namespace)
    differs = _Differs(before, after, namespace)
    fields = differs.fields(varying)
    if len(fields) > MOST:
        raise ContractBroken(f"{len(fields)} rendered fields change; {MOST} are allowed.")
    images = (image for obj in before for image in risks.images(obj).values() if image)
    return differs, fields, frozenset(policy.registry(image) for image in images)


def _located(
    locator: Locator, source: Source | None, target: Target | None, changed: frozenset[str]
) -> Located:
    if target is None or not (target.kind and target.name):
        raise NeedsPerson(
            "The incident names no workload, so what deploys it is not known.", code="no-target"
        )
    wanted = ObjectRef(kind=target.kind, namespace=target.namespace, name=target.name)
    known = hints(locator.view, target.namespace)
    path = source.path if source is not None else ""
    return locator.find([wanted], path, known, environment=target.environment, changed=changed)


def _kept(objects: Sequence[Object]) -> list[Object]:
    return [obj for obj in objects if not is_hook(obj)]


def _index(objects: Sequence[Object], namespace: str) -> dict[ObjectRef, Object]:
    found: dict[ObjectRef, Object] = {}
    for obj in objects:
        key = ref(obj, namespace)
        if key in found:
            raise ContractBroken(f"{key} is rendered twice.")
        found[key] = obj
    return found


def _short(value: Any) -> Any:
    """Long values are shown from their beginning; the diff has all of them."""
    text = value if isinstance(value, str) else compact(value)
    return value if len(text) <= _VALUE else text[: _VALUE - 1] + "…"
