"""Edits of a kustomization that may bring a goal about, the place that decides the field first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping
from selfheal.errors import SelfhealError
from selfheal.incidents.record import ObjectRef
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import EditRefused, parse, value_of
from selfheal.repair.goal import Goal, merged
from selfheal.repair.objects import Object, flattened, ref
from selfheal.repair.sources.interface import Attempt
from selfheal.repair.sources.kustomization import Closure, Kustomization
from selfheal.repair.sources.sites import (
    ContentSite,
    DocumentSite,
    EnvironmentSite,
    ImageSite,
    InlineSite,
    LiteralsSite,
    OperationsSite,
    ReplicasSite,
    Session,
    Site,
    unhashed,
)
from selfheal.repair.view import View

#: Combinations of places that are tried.
MOST = 24


def attempts(
    view: View, closed: Closure, goals: Sequence[Goal], objects: Sequence[Object]
) -> Iterator[Attempt]:
    """Combinations of one place a goal, best first; last a new patch in the environment's own kustomization."""
    wanted = merged(goals)
    sites = {goal.object: list(_sites(view, closed, goal.object)) for goal in wanted}
    for site in (site for found in sites.values() for site in found):
        if isinstance(site, OperationsSite):
            site.numbered = _numbered(wanted, objects)
    ranked = [_ranked(sites[goal.object], goal) for goal in wanted]
    seen: set[tuple[int, ...]] = set()
    for chosen in islice(product(*(range(len(options)) for options in ranked)), MOST):
        if chosen in seen:
            continue
        seen.add(chosen)
        for variant in _variants(closed, wanted):
            session = Session(view)
            try:
                for goal, options, index in zip(variant, ranked, chosen, strict=True):
                    options[index].reach(session, goal)
            except (EditRefused, UnicodeDecodeError):
                continue
            yield Attempt(session.changes(), ", ".join(sorted(session.changes())))
    yield from _own_patch(view, closed, wanted, sites)


def _numbered(goals: Sequence[Goal], objects: Sequence[Object]) -> dict[str, str]:
    """Where the goals name a list item, the index it has in the rendered object."""
    found: dict[str, str] = {}
    for goal in goals:
        value: Any = next((obj for obj in objects if ref(obj, goal.object.namespace) == goal.object), None)
        for length, token in enumerate(goal.path):
            following = pointer.step(value, token)
            if token.startswith("name=") and isinstance(value, list):
                index = next((i for i, item in enumerate(value) if item is following), -1)
                if index >= 0:
                    found[pointer.join(*goal.path[: length + 1])] = str(index)
            value = following
    return found


def _ranked(sites: list[Site], goal: Goal) -> list[Site]:
    """Places that hold the field, the one nearest to the environment first; else where most of the way stands."""
    useful = [(site.held(goal), site) for site in sites]
    useful = [(held, site) for held, site in useful if held >= 0]
    useful.sort(key=lambda pair: (-pair[0], pair[1].depth))
    return [site for _, site in useful]


def _variants(closed: Closure, goals: Sequence[Goal]) -> Iterator[list[Goal]]:
    """The goals with names as they are written before prefixes, suffixes and hashes are added, then as they are."""
    affixes = [item.prefixes for item in closed.chain]
    seen: list[list[Goal]] = [list(goals)]
    for shorten in (lambda name: _bare(unhashed(name), affixes), unhashed):
        changed = [
            replace(goal, value=shorten(goal.value))
            if isinstance(goal.value, str) and type(goal) is Goal and goal.op == "set"
            else goal
            for goal in goals
        ]
        if changed not in seen:
            seen.append(changed)
            yield changed
    yield list(goals)


def _bare(name: str, affixes: Sequence[tuple[str, str]]) -> str:
    for prefix, suffix in affixes:
        name = name.removeprefix(prefix) if prefix else name
        name = name.removesuffix(suffix) if suffix else name
    return name


def _named(wanted: ObjectRef, name: str, closed: Closure) -> bool:
    """Whether a name in a file may become the rendered one."""
    names = {wanted.name, unhashed(wanted.name)}
    affixes = [item.prefixes for item in closed.chain]
    return name in names | {_bare(item, affixes) for item in names}


def _sites(view: View, closed: Closure, wanted: ObjectRef) -> Iterator[Site]:
    depth = {item.path: level for level, item in reversed(list(enumerate(closed.chain)))}
    for level, found in enumerate(closed.chain):
        yield from _patches(view, closed, found, level, wanted)
        for index, entry in enumerate(found.entries("images")):
            yield ImageSite(found.path, level, found.document, (*found.at, "images", str(index)), entry)
        for index, entry in enumerate(found.entries("replicas")):
            if _named(wanted, str(entry.get("name", "")), closed):
                at = (*found.at, "replicas", str(index))
                yield ReplicasSite(found.path, level, found.document, at)
        if wanted.kind == "ConfigMap":
            yield from _generators(view, closed, found, level, wanted)
    for found, path in closed.resources:
        yield from _documents(view, closed, path, depth[found.path], wanted)


def _values(view: View, path: str) -> list[Any]:
    data = view.read(path)
    try:
        return [value_of(root) for root in parse(decode(path, data or b""))]
    except SelfhealError:
        return []


def _documents(view: View, closed: Closure, path: str, depth: int, wanted: ObjectRef) -> Iterator[Site]:
    for document, value in enumerate(_values(view, path)):
        listed = value.get("items") if isinstance(value, dict) else None
        pairs: list[tuple[tuple[str, ...], Any]] = [((), value)]
        if isinstance(listed, list) and str(value.get("kind", "")).endswith("List"):
            pairs = [(("items", str(index)), item) for index, item in enumerate(listed)]
        for inside, item in pairs:
            for obj in flattened(item):
                if obj.get("kind") == wanted.kind and _named(wanted, ref(obj).name, closed):
                    yield DocumentSite(path, depth, document, inside, obj)


def _patches(
    view: View, closed: Closure, found: Kustomization, depth: int, wanted: ObjectRef
) -> Iterator[Site]:
    for key in ("patches", "patchesJson6902"):
        for index, entry in enumerate(found.entries(key)):
            target = mapping(entry.get("target"))
            if target and not _targets(target, wanted, closed):
                continue
            if isinstance(entry.get("path"), str):
                yield from _patch_file(view, closed, found.inside(entry["path"]), depth, wanted, bool(target))
            elif isinstance(entry.get("patch"), str):
                yield from _inline(
                    closed, found, depth, (key, str(index), "patch"), entry["patch"], wanted, bool(target)
                )
    for index, item in enumerate(found.strings("patchesStrategicMerge")):
        if "\n" in item:
            yield from _inline(
                closed, found, depth, ("patchesStrategicMerge", str(index)), item, wanted, False
            )
        else:
            yield from _patch_file(view, closed, found.inside(item), depth, wanted, False)


def _targets(target: dict[str, Any], wanted: ObjectRef, closed: Closure) -> bool:
    kind, name = str(target.get("kind") or ""), str(target.get("name") or "")
    # Names in targets are patterns; only plain ones can be told here, the rendering judges the others.
    plain = name.replace("-", "").replace(".", "").isalnum()
    return kind in ("", wanted.kind) and (not name or not plain or _named(wanted, name, closed))


def _patch_file(
    view: View, closed: Closure, path: str, depth: int, wanted: ObjectRef, targeted: bool
) -> Iterator[Site]:
    for document, value in enumerate(_values(view, path)):
        if isinstance(value, list):
            yield OperationsSite(path, depth, document, (), value)
        elif isinstance(value, dict) and (targeted or _addresses(value, wanted, closed)):
            yield DocumentSite(path, depth, document, (), value)


def _inline(
    closed: Closure,
    found: Kustomization,
    depth: int,
    at: tuple[str, ...],
    text: str,
    wanted: ObjectRef,
    targeted: bool,
) -> Iterator[Site]:
    try:
        values = [value_of(root) for root in parse(text)]
    except EditRefused:
        return
    if len(values) != 1:
        return
    if isinstance(values[0], list):
        yield OperationsSite(found.path, depth, found.document, (*found.at, *at), values[0])
    elif isinstance(values[0], dict) and (targeted or _addresses(values[0], wanted, closed)):
        yield InlineSite(found.path, depth, found.document, (*found.at, *at), values[0])


def _addresses(value: dict[str, Any], wanted: ObjectRef, closed: Closure) -> bool:
    name = str(mapping(value.get("metadata")).get("name", ""))
    return value.get("kind") == wanted.kind and _named(wanted, name, closed)


def _generators(
    view: View, closed: Closure, found: Kustomization, depth: int, wanted: ObjectRef
) -> Iterator[Site]:
    for index, entry in enumerate(found.entries("configMapGenerator")):
        if not _named(wanted, str(entry.get("name", "")), closed):
            continue
        at = ("configMapGenerator", str(index))
        if isinstance(entry.get("literals"), list):
            yield LiteralsSite(found.path, depth, (*at, "literals"), entry["literals"])
        for item in entry.get("files") or ():
            key, equals, name = str(item).partition("=")
            path = found.inside(name if equals else key)
            yield ContentSite(path, depth, key if equals else path.rpartition("/")[2])
        envs = [*(entry.get("envs") or ()), *([entry["env"]] if isinstance(entry.get("env"), str) else [])]
        for item in envs:
            path = found.inside(str(item))
            yield EnvironmentSite(path, depth, (view.read(path) or b"").decode("utf-8", "replace"))


def _own_patch(
    view: View, closed: Closure, goals: Sequence[Goal], sites: dict[ObjectRef, list[Site]]
) -> Iterator[Attempt]:
    """A strategic merge patch written into the environment's own kustomization."""
    # The folder's own one; what Argo CD or Flux lay over it only where the folder has none.
    first = closed.chain[0]
    own = (
        item for item in closed.chain if item.folder == first.folder and not item.at and view.read(item.path)
    )
    top = next(own, first)
    if any(goal.op != "set" or not goal.field or type(goal) is not Goal for goal in goals):
        return
    session = Session(view)
    try:
        text = session.file(top.path).text
        for wanted in dict.fromkeys(goal.object for goal in goals):
            documents = [site for site in sites[wanted] if isinstance(site, DocumentSite)]
            if not documents:
                return
            base = documents[-1].value
            patch: Any = {
                "apiVersion": base.get("apiVersion"),
                "kind": wanted.kind,
                "metadata": {"name": mapping(base.get("metadata")).get("name")},
            }
            for goal in goals:
                if goal.object == wanted:
                    patch = _with(patch, goal.path, goal.value)
            from selfheal.repair.edits.emit import block

            count = len(top.content.get("patches") or [])
            text.set(top.document, (*top.at, "patches", str(count)), {"patch": block(patch, 0, "\n") + "\n"})
    except EditRefused:
        return
    yield Attempt(session.changes(), f"adds a patch to {top.path}")


def _with(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """``value`` with a path set, list items added by name."""
    from selfheal.repair.edits.data import with_set

    if any(token.isdecimal() for token in path):
        raise EditRefused(f"{pointer.join(*path)} counts list items, which a merge patch cannot.")
    return with_set(value, path, new)
