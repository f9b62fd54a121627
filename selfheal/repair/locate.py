"""Which part of the repository deploys the objects that a remedy changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping
from selfheal.errors import ConfigurationProblem, NeedsPerson, SelfhealError
from selfheal.incidents.record import Evidence, ObjectRef
from selfheal.repair.contract import varies
from selfheal.repair.objects import Object, alike, differences, is_hook, ref
from selfheal.repair.sources import SourceUnreadable, Unit, source_for
from selfheal.repair.sources.plain import is_kustomization, unreadable
from selfheal.repair.tools import Tools
from selfheal.repair.view import View
from selfheal.repository.paths import below

Live = Callable[[ObjectRef], Object | None]
#: Units beyond which the search is narrowed by what Argo CD or Flux say, or given up.
UNITS = 400
_ENVIRONMENTS = {
    "production": frozenset({"production", "prod", "prd", "live"}),
    "staging": frozenset({"staging", "stage", "stg", "preprod"}),
    "test": frozenset({"test", "testing", "qa", "uat", "int", "integration"}),
    "development": frozenset({"development", "dev", "sandbox", "local"}),
}
_RELEASE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?")
_ABSENT = object()


@dataclass(frozen=True)
class Located:
    """A unit that renders all the objects. ``mismatches`` are fields in which the cluster differs from it."""

    unit: Unit
    objects: list[Object] = field(repr=False)
    mismatches: int

    def object(self, wanted: ObjectRef) -> Object | None:
        """The rendered object of that name."""
        return next((obj for obj in self.objects if ref(obj, wanted.namespace) == wanted), None)


class Locator:
    """Renders candidates, each once, and compares them with what runs."""

    def __init__(self, view: View, tools: Tools, *, live: Live, evidence: Sequence[Evidence] = ()) -> None:
        self.view = view
        self.tools = tools
        self._live = live
        self._evidence = [item for item in evidence if item.source == "object" and item.field]
        self._rendered: dict[Unit, list[Object]] = {}
        self._varying: dict[tuple[Unit, str], frozenset[tuple[ObjectRef, str]]] = {}
        self.problems: list[str] = []
        #: What would have to be installed to render a unit.
        self._missing: ConfigurationProblem | None = None

    def render(self, unit: Unit) -> list[Object]:
        """The unit's objects without hooks, rendered once."""
        if unit.blocked:
            raise SourceUnreadable(unit.blocked, hint="A person has to make the change.")
        if unit not in self._rendered:
            objects = source_for(unit.kind, self.tools).render(self.view, unit)
            self._rendered[unit] = [obj for obj in objects if not is_hook(obj)]
        return self._rendered[unit]

    def varying(self, located: Located, namespace: str) -> frozenset[tuple[ObjectRef, str]]:
        """Fields that come out otherwise when the unit is rendered once more; ``namespace`` of objects without one."""
        unit = located.unit
        if (unit, namespace) not in self._varying:
            objects = source_for(unit.kind, self.tools).fresh(self.view, unit)
            again = [obj for obj in objects if not is_hook(obj)]
            self._varying[unit, namespace] = varies(located.objects, again, namespace)
        return self._varying[unit, namespace]

    def find(
        self,
        refs: Sequence[ObjectRef],
        path: str,
        hints: Iterable[Unit] = (),
        *,
        environment: str = "",
        changed: frozenset[str] = frozenset(),
    ) -> Located:
        """The one unit that deploys all of ``refs``.

        Where several fit alike, the one named for the ``environment`` (or for the objects' namespace) counts, and for
        a change that is given already one that reads all ``changed`` files. Raises NeedsPerson when none does, or when several fit alike; all of them are named.
        """
        found = self.all(refs, path, hints)
        if not found:
            if self._missing is not None:
                raise self._missing
            what = ", ".join(str(item) for item in refs[:3])
            problem = self.problems[0] if self.problems else unreadable(self.view, refs[0], path)
            tried = f" {problem}" if problem else ""
            others = dict.fromkeys(str(item.unit) for item in self.all(refs, "")) if path else {}
            tried += f" Elsewhere it is deployed by {'; '.join(list(others)[:3])}." if others else ""
            raise NeedsPerson(
                f"Nothing {f'below {path} ' if path else ''}in the repository deploys {what}.{tried}",
                hint="Name the folder that deploys it with --path, or in `services:` of the configuration.",
                code="source-not-found",
            )
        found += self._stacked(self._best(found), refs)
        named = (environment, refs[0].namespace, *self._releases(refs))
        best = self._narrowed(self._best(found), named, changed)
        if len(best) > 1:
            raise NeedsPerson(
                "Several places in the repository deploy it alike: "
                + "; ".join(str(item.unit) for item in best[:6])
                + ".",
                hint="Name the one that counts with --path, or in `services:` of the configuration.",
                code="source-ambiguous",
            )
        return best[0]

    def all(self, refs: Sequence[ObjectRef], path: str, hints: Iterable[Unit] = ()) -> list[Located]:
        """Every unit that renders all of ``refs``."""
        told = [unit for unit in hints if _within(unit, path)]
        found = [item for unit in told for item in self._try(unit, refs)]
        blocked = {(unit.kind, unit.path) for unit in told if unit.blocked}
        releases = self._releases(refs)
        for kind in kinds_in(self.view):
            source = source_for(kind, self.tools)
            units = list(source.units(self.view, refs, path, refs[0].namespace, releases))
            if len(units) > UNITS:
                raise NeedsPerson(
                    f"The repository holds {len(units)} candidates for {refs[0]}.",
                    hint="Name the folder that deploys it with --path, or in `services:` of the configuration.",
                    code="source-ambiguous",
                )
            for unit in units:
                known = any(
                    item.unit.origin and item.unit.kind == kind and item.unit.path == unit.path
                    for item in found
                )
                if not known and (kind, unit.path) not in blocked:
                    found += self._try(unit, refs)
        return found

    def _stacked(self, best: Sequence[Located], refs: Sequence[ObjectRef]) -> list[Located]:
        """Units with several files of values, where those with one differ from what runs, and these differ less."""
        found: list[Located] = []
        for item in best[:2]:
            if not item.mismatches:
                continue
            for unit in source_for(item.unit.kind, self.tools).stacked(self.view, item.unit):
                for more in self._try(unit, refs):
                    # Files that say nothing of one another are the same in any order.
                    known = any(
                        set(other.unit.values) == set(unit.values) and other.objects == more.objects
                        for other in found
                    )
                    if more.mismatches < item.mismatches and not known:
                        found.append(more)
        return found

    def _releases(self, refs: Sequence[ObjectRef]) -> list[str]:
        """The Helm releases that the running objects say they belong to."""
        found = []
        for wanted in refs:
            meta = mapping(mapping(self._live(wanted)).get("metadata"))
            labels, notes = mapping(meta.get("labels")), mapping(meta.get("annotations"))
            found += [
                notes.get("meta.helm.sh/release-name"),
                labels.get("app.kubernetes.io/instance"),
                labels.get("release"),
            ]
        return [name for name in dict.fromkeys(found) if isinstance(name, str) and _RELEASE.fullmatch(name)]

    def _try(self, unit: Unit, refs: Sequence[ObjectRef]) -> list[Located]:
        try:
            objects = self.render(unit)
        except ConfigurationProblem as error:
            self._missing = error
            return []
        except SelfhealError as error:
            # What is deployed from elsewhere is told of only where it may be what is looked for.
            if unit.path or not unit.blocked or unit.release in refs[0].name:
                self.problems.append(f"{unit} could not be rendered: {error.message}")
            return []
        mismatches = 0
        for wanted in refs:
            obj = next((item for item in objects if ref(item, wanted.namespace) == wanted), None)
            if obj is None or self._elsewhere(unit, wanted, obj):
                return []
            mismatches += self._mismatches(wanted, obj)
        return [Located(unit, objects, mismatches)]

    def _elsewhere(self, unit: Unit, wanted: ObjectRef, obj: Object) -> bool:
        """Whether what is said of a unit puts an object that names no namespace into another one."""
        meta = obj.get("metadata")
        own = isinstance(meta, dict) and meta.get("namespace")
        return bool(unit.origin and unit.namespace and wanted.namespace and not own) and (
            unit.namespace != wanted.namespace
        )

    def _mismatches(self, wanted: ObjectRef, obj: Object) -> int:
        live = self._live(wanted)
        if live is not None:
            return sum(1 for _ in differences({**obj, "metadata": _labels(obj)}, live))
        count = 0
        for item in self._evidence:
            if item.object == wanted:
                written = pointer.resolve(obj, item.field, _ABSENT)
                count += written is not _ABSENT and not alike(written, item.value)
        return count

    def _narrowed(self, best: list[Located], names: Sequence[str], changed: frozenset[str]) -> list[Located]:
        if len(best) > 1:
            best = self._running(best)
        for name in names:
            if len(best) > 1 and environments(name):
                best = [item for item in best if environments(str(item.unit)) & environments(name)] or best
        if len(best) > 1 and changed:
            best = [item for item in best if changed <= self._inputs(item.unit)][:1] or best
        return best

    def _running(self, best: list[Located]) -> list[Located]:
        """Those whose objects, all of them, are most like what runs: environments seldom differ in one object alone."""
        scores = []
        for item in best:
            wrong, seen = 0, 0
            for obj in item.objects:
                live = self._live(ref(obj, item.unit.namespace))
                seen += live is not None
                wrong += (
                    1
                    if live is None
                    else sum(1 for _ in differences({**obj, "metadata": _labels(obj)}, live))
                )
            if not seen:
                return best
            scores.append(wrong)
        return [item for item, score in zip(best, scores, strict=True) if score == min(scores)]

    def _inputs(self, unit: Unit) -> frozenset[str]:
        return source_for(unit.kind, self.tools).inputs(self.view, unit)

    def _best(self, found: list[Located]) -> list[Located]:
        least = min(item.mismatches for item in found)
        best = [item for item in found if item.mismatches == least]
        told = [item for item in best if item.unit.origin]
        return told or best


def environments(text: str) -> frozenset[str]:
    """The environments that a path or name speaks of."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    return frozenset(name for name, spellings in _ENVIRONMENTS.items() if words & spellings)


def kinds_in(view: View) -> tuple[str, ...]:
    """The ways of deploying that the repository's files speak of."""
    names = {path.rpartition("/")[2] for path in view.files()}
    found = ["kustomize"] if any(is_kustomization(name) for name in names) else []
    found += ["helm"] if "Chart.yaml" in names else []
    return (*found, "plain")


def _labels(obj: Object) -> Object:
    meta = obj.get("metadata")
    labels = meta.get("labels") if isinstance(meta, dict) else None
    return {"labels": labels} if isinstance(labels, dict) else {}


def _within(unit: Unit, path: str) -> bool:
    return below(unit.path, path)
