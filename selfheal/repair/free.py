"""A change that an agent edited freely: what can be proven of it without a remedy to hold it against.

That every object which it changes is known and listed, that it reaches no other environment, that what is rendered shows
neither the fault nor a new one, and what schema and policy say. Not that it helps; so it is always people who merge it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from selfheal.config import Settings
from selfheal.errors import ConfigurationProblem, NeedsPerson, SelfhealError
from selfheal.incidents.record import (
    Analysis,
    ObjectRef,
    PolicyVerdict,
    RenderedChange,
    Source,
    Target,
    compact,
)
from selfheal.incidents.wording import counted
from selfheal.repair import policy, rediagnosis, risks, schema
from selfheal.repair.contract import ContractBroken, changed_fields, varies
from selfheal.repair.environments import Relatives
from selfheal.repair.immutable import unchangeable
from selfheal.repair.locate import Located, Locator
from selfheal.repair.objects import Object, is_hook, ref
from selfheal.repair.sources import source_for
from selfheal.repair.sources.gitops import hints
from selfheal.repair.surroundings import beside
from selfheal.repair.tools import Tools, tools_for
from selfheal.repair.view import View
from selfheal.repository.paths import below
from selfheal.repository.tree import Tree

#: Rendered fields beyond which nobody reads the list with care.
MOST = 20
_VALUE = 160
_ORIGIN = "edited freely"
#: What may be rendered by something: such a file has to belong to what deploys the target.
_RENDERED = (".yaml", ".yml", ".json", ".tpl", ".jsonnet", ".libsonnet", ".cue")


@dataclass(frozen=True)
class Judged:
    """A verdict a rule, every rendered field that changes, and the objects that change: as they become, and those of them
    that have to be made anew for it.
    """

    verdicts: tuple[PolicyVerdict, ...]
    fields: tuple[RenderedChange, ...] = ()
    changed: Mapping[ObjectRef, Object] = field(default_factory=dict)
    recreated: frozenset[ObjectRef] = frozenset()


@dataclass(frozen=True)
class _Rendered:
    """All that the unit renders to without and with the change, hooks included; what varies by itself is left out."""

    before: Sequence[Object] = ()
    after: Sequence[Object] = ()
    namespace: str = ""
    varying: frozenset[tuple[ObjectRef, str]] = frozenset()
    #: What is deployed along, where the files do not say what belongs together.
    beside: Sequence[Object] = ()

    def differing(self) -> tuple[dict[ObjectRef, Object], dict[ObjectRef, Object]]:
        """The objects that differ, before and after."""
        before, after = _index(self.before, self.namespace), _index(self.after, self.namespace)
        return (
            {key: obj for key, obj in before.items() if after.get(key) != obj},
            {key: obj for key, obj in after.items() if before.get(key) != obj},
        )

    def fields(self) -> tuple[RenderedChange, ...]:
        """Each field of them that differs."""
        before, after = self.differing()
        found = []
        for key in sorted(before.keys() | after.keys(), key=str):
            old, new = before.get(key), after.get(key)
            if old is None or new is None:
                told = {"before": None if old is None else "there", "after": None if new is None else "there"}
                found.append(RenderedChange(object=key, field="", origin=_ORIGIN, **told))
                continue
            found += [
                RenderedChange(object=key, field=at, before=_short(was), after=_short(now), origin=_ORIGIN)
                for at, was, now in changed_fields(old, new)
                if (key, at) not in self.varying
            ]
        return tuple(found)


def judged(
    tree: Tree,
    changes: Mapping[str, bytes | None],
    *,
    settings: Settings,
    analysis: Analysis,
    source: Source | None,
    target: Target | None,
    tools: Tools | None,
    now: datetime,
) -> Judged:
    """What is known of ``changes``, which apply to ``tree``, as was proven before."""
    if not settings.policy.code_changes:
        told = "Files are edited freely only where policy.code_changes is set."
        return Judged((PolicyVerdict(rule="code-changes", passed=False, detail=told),))
    passed = PolicyVerdict(rule="code-changes", passed=True, detail="merged by people only")
    view = View(tree)
    files = {path: (view.read(path), after) for path, after in changes.items()}
    programs = tools_for(settings, analysis, tools=tools)
    try:
        rendered = _rendered(view, changes, source, target, programs)
        (before, after), fields = rendered.differing(), rendered.fields()
        if len(fields) > MOST:
            raise ContractBroken(f"{len(fields)} rendered fields change; {MOST} are allowed.")
    except ConfigurationProblem:
        raise
    except SelfhealError as error:
        broken = PolicyVerdict(rule="render-contract", passed=False, detail=error.message[:400])
        # What the files alone say is told as well.
        rest = policy.verdicts(policy.Proposal(files, now=now, free=True), settings.policy)
        return Judged((passed, broken, *rest))
    images = (image for obj in rendered.before for image in risks.images(obj).values() if image)
    registries = frozenset(policy.registry(image) for image in images)
    told = (
        f"{counted(len(fields), 'rendered field')} changed" if fields else "Nothing that is rendered changes"
    )
    told += f"; {programs.caveat}" if programs.caveat else ""
    verdicts = (
        passed,
        PolicyVerdict(rule="render-contract", passed=True, detail=told),
        rediagnosis.verdict(rendered, analysis, beside=rendered.beside),
        schema.verdict(before, after, programs.capabilities.version),
        *policy.verdicts(policy.Proposal(files, before, after, registries, now, free=True), settings.policy),
    )
    recreated = {
        item.object for item in fields if item.object in before and unchangeable(item.object.kind, item.field)
    }
    return Judged(verdicts, fields, after, frozenset(recreated))


def _rendered(
    view: View,
    changes: Mapping[str, bytes | None],
    source: Source | None,
    target: Target | None,
    tools: Tools,
) -> _Rendered:
    """Raises SelfhealError for what cannot be shown completely."""
    manifests = [path for path in changes if path.lower().endswith(_RENDERED)]
    locator = Locator(view, tools, live=lambda _wanted: None)
    try:
        located = _located(locator, source, target, frozenset(changes))
    except NeedsPerson:
        if manifests:
            raise
        # A program of its own, deployed from elsewhere: there is nothing here that could be rendered.
        return _Rendered()
    unit, namespace = located.unit, target.namespace if target is not None else ""
    adapter = source_for(unit.kind, tools)
    changed = view.with_changes(changes)
    if unit.kind == "plain":
        more = [path for path in manifests if below(path, unit.path)]
        unit = replace(unit, files=tuple(dict.fromkeys((*unit.files, *more))))
    reads = adapter.inputs(view, unit) | adapter.inputs(changed, unit)
    strays = sorted(set(manifests) - reads)
    if strays:
        raise ContractBroken(f"{strays[0]} is not part of {unit}, so what it changes cannot be shown.")
    reached = Relatives(locator, located, hints(view, namespace)).told(changes)
    if reached:
        raise ContractBroken(f"It reaches other environments: {', '.join(reached[:4])}.")
    # Hooks run with the next sync, so what they become is listed as well.
    before, after = (
        [*_kept(adapter.render(each, unit)), *adapter.hooks(each, unit)] for each in (view, changed)
    )
    varying: frozenset[tuple[ObjectRef, str]] = frozenset()
    if unit.kind == "helm":
        varying = varies(_kept(before), _kept(adapter.fresh(view, unit)), namespace)
        begins = varies(_kept(after), _kept(adapter.fresh(changed, unit)), namespace) - varying
        if begins:
            (key, at), *_ = sorted(begins, key=str)
            raise ContractBroken(f"With the change {at} of {key} renders differently each time.")
    return _Rendered(before, after, namespace, varying, beside(view, unit, namespace))


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
