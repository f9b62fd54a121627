"""Edits of a Helm chart that may bring goals about: values first, each by trial; templates last."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.workloads import mapping, mappings
from selfheal.repair.edits.data import same, with_removed, with_set
from selfheal.repair.edits.nodes import EditRefused
from selfheal.repair.goal import Goal, Move
from selfheal.repair.goal import merged as joined
from selfheal.repair.objects import Object, alike, ref
from selfheal.repair.sources.composed import between, recomposed
from selfheal.repair.sources.interface import Attempt, Unit
from selfheal.repair.sources.layers import Edited, Layer, Path, layers, merged, walk
from selfheal.repair.sources.masks import closed
from selfheal.repair.sources.sites import Session
from selfheal.repair.view import View
from selfheal.repository.paths import below

#: Values tried for one goal, and combinations of them.
CANDIDATES = 14
MOST = 20
_WORD = re.compile(r"[A-Za-z][a-z0-9]*|[A-Z]+(?![a-z])|[0-9]+")
#: Keys under which charts commonly let a whole block be given.
_BLOCKS = frozenset(
    {"resources", "env", "nodeSelector", "tolerations", "affinity", "securityContext", "readinessProbe", "command",
     "livenessProbe", "startupProbe", "imagePullSecrets", "args", "volumes", "volumeMounts", "strategy"}
)  # fmt: skip
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_ABSENT = object()
Trial = Callable[[dict[str, bytes | None], Sequence[Goal]], bool]


@dataclass(frozen=True)
class Candidate:
    """A place in the values that may decide a goal, and what to write there (``removed``: take it away)."""

    at: Path
    value: Any
    removed: bool = False
    renamed: str = ""


def attempts(
    view: View, unit: Unit, goals: Sequence[Goal], objects: Sequence[Object], trial: Trial
) -> Iterator[Attempt]:
    """One value for all goals; else one for each goal, found by ``trial``; first where it stands, then overridden."""
    stack = layers(view, unit)
    tree = merged(stack)
    wanted = joined(goals)
    for candidate in _for_all(tree, wanted, objects):
        yield from _written(view, stack, tree, [candidate])
    if len(wanted) > 1:
        found: list[list[Candidate]] = []
        for goal in wanted:
            options = [
                candidate
                for candidate in islice(_candidates(tree, goal, objects), CANDIDATES)
                if any(trial(attempt.changes, [goal]) for attempt in _written(view, stack, tree, [candidate]))
            ]
            found.append(options[:3])
        for chosen in islice(product(*found), MOST):
            yield from _written(view, stack, tree, list(chosen))


def content_files(view: View, unit: Unit, goals: Sequence[Goal]) -> Iterator[Attempt]:
    """A file of the chart whose whole content a template puts into one key of a ConfigMap."""
    if len(goals) != 1 or goals[0].path[:1] != ("data",) or not isinstance(goals[0].before, str):
        return
    goal = goals[0]
    if not isinstance(goal.value, str) or goal.op != "set" or len(goal.before) < 2:
        return
    for path, data in view.read_many(path for path in view.files() if below(path, unit.path)).items():
        text = data.decode("utf-8", "replace")
        if text.strip() == goal.before.strip():
            ending = text[len(text.rstrip("\n")) :]
            yield Attempt({path: (goal.value.rstrip("\n") + ending).encode("utf-8")}, f"edits {path}")


def _for_all(tree: Any, goals: Sequence[Goal], objects: Sequence[Object]) -> Iterator[Candidate]:
    seen: list[Candidate] = []
    for goal in goals:
        for candidate in islice(_candidates(tree, goal, objects), CANDIDATES):
            if not any(candidate == other for other in seen):
                seen.append(candidate)
                yield candidate


def _candidates(tree: Any, goal: Goal, objects: Sequence[Object]) -> Iterator[Candidate]:
    """Places whose value is what the field, or one of the objects around it, renders to; the most telling first."""
    words = _words(goal)
    found = [
        (len(words & {word.lower() for word in _WORD.findall(" ".join(item.at))}), -len(item.at), item)
        for item in _related(tree, goal, objects)
    ]
    found.sort(key=lambda entry: (-entry[0], -entry[1]))
    for _, _, item in found:
        yield item
    yield from _unsaid(tree, goal, objects, words)


def _unsaid(tree: Any, goal: Goal, objects: Sequence[Object], words: set[str]) -> Iterator[Candidate]:
    """Values that templates may ask for and no file gives: an empty tag, a block such as ``resources``."""
    if goal.op != "set" or isinstance(goal, Move):
        return
    if goal.path[-1] == "image" and isinstance(goal.value, str):
        tag = goal.value.rpartition(":")[2]
        for at, value in walk(tree):
            if at[-1].lower() in ("tag", "imagetag", "version") and value in ("", None):
                yield Candidate(at, tag)
    if goal.before is None:
        yield from _switches(tree, words)
    obj = next((item for item in objects if ref(item, goal.object.namespace) == goal.object), {})
    homes = [
        at
        for at, value in walk(tree)
        if isinstance(value, dict) and words & {w.lower() for w in _WORD.findall(at[-1])}
    ]
    for home in sorted(homes, key=len)[:3]:
        for length in range(len(goal.path) - 1, 3, -1):
            key, rest = goal.path[length - 1], goal.path[length:]
            if key not in _BLOCKS or pointer.resolve(tree, (*home, key), _ABSENT) is not _ABSENT:
                continue
            around = pointer.resolve(obj, goal.path[:length], None)
            for start in (None, around):
                with suppress(EditRefused):
                    yield Candidate((*home, key), with_set(start, rest, goal.value))


def _switches(tree: Any, words: set[str]) -> Iterator[Candidate]:
    """Switches that leave out what they are named for: whether that is what is wanted, rendering tells."""
    for at, value in walk(tree):
        named = {word.lower() for token in at[-2:] for word in _WORD.findall(token)}
        if value is False and words & named:
            yield Candidate(at, True)


def _words(goal: Goal) -> set[str]:
    text = " ".join((*goal.path, goal.object.kind, goal.object.name)).replace("name=", " ")
    return {word.lower() for word in _WORD.findall(text)}


def _related(tree: Any, goal: Goal, objects: Sequence[Object]) -> Iterator[Candidate]:
    obj = next((item for item in objects if ref(item, goal.object.namespace) == goal.object), {})
    ancestors = [
        (goal.path[length:], pointer.resolve(obj, goal.path[:length], _ABSENT))
        for length in range(len(goal.path) - 1, 1, -1)
    ]
    variables = _variables(obj, goal)
    for at, value in walk(tree):
        if isinstance(goal, Move):
            yield from _moved(at, value, goal)
            continue
        if variables and isinstance(value, dict) and _makes(value, variables):
            yield from _variable(at, value, goal)
        if goal.path[:1] == ("data",) and len(goal.path) == 2 and isinstance(value, dict):
            yield from _entry(at, value, goal, mapping(obj.get("data")))
        if goal.before is not None and not isinstance(value, dict | list):
            yield from _leaf(at, value, goal)
        elif goal.before is not None and value and alike(value, goal.before):
            yield Candidate(at, goal.value, goal.op == "remove")
        for rest, around in ancestors:
            if isinstance(value, dict | list) and value and around is not _ABSENT and alike(value, around):
                with suppress(EditRefused):
                    done = (
                        with_set(value, rest, goal.value) if goal.op == "set" else with_removed(value, rest)
                    )
                    yield Candidate(at, done)


def _variables(obj: Object, goal: Goal) -> dict[str, str]:
    """The variables of the container whose list of them the goal is about, those with a value of their own."""
    if goal.path[-2:-1] != ("env",) or not goal.path[-1].startswith("name="):
        return {}
    items = mappings(pointer.resolve(obj, goal.path[:-1], []))
    return {str(item.get("name")): str(item["value"]) for item in items if "value" in item}


def _makes(value: dict[str, Any], variables: dict[str, str]) -> bool:
    """Whether a map of the values is what a template makes variables of."""
    return bool(value) and all(
        key in variables and not isinstance(item, dict | list) and variables[key] == _spelled(item)
        for key, item in value.items()
    )


def _entry(at: Path, value: dict[str, Any], goal: Goal, data: dict[str, Any]) -> Iterator[Candidate]:
    """A key of a ConfigMap as an entry of the map that a template makes keys of, spelled as the others are."""
    made = {_flat(key): key for key in data}
    if not value or any(
        isinstance(item, dict | list) or data.get(made.get(_flat(name), "")) != _spelled(item)
        for name, item in value.items()
    ):
        return
    key = goal.path[1]
    if goal.op == "remove":
        yield from (Candidate((*at, name), None, removed=True) for name in value if _flat(name) == _flat(key))
    elif goal.before is None:
        ways = [{way for way, text in enumerate(_ways(made[_flat(name)])) if text == name} for name in value]
        texts = _ways(key)
        yield from (Candidate((*at, texts[way]), goal.value) for way in sorted(set.intersection(*ways)))


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _variable(at: Path, value: dict[str, Any], goal: Goal) -> Iterator[Candidate]:
    """A variable as an entry of such a map."""
    name = goal.path[-1].removeprefix("name=")
    if goal.op == "remove" and name in value:
        yield Candidate((*at, name), None, removed=True)
    elif goal.op == "set" and isinstance(goal.value, dict) and "value" in goal.value:
        yield Candidate((*at, name), goal.value["value"])


def _moved(at: Path, value: Any, goal: Move) -> Iterator[Candidate]:
    """Where a key, or a named item of a list, stands in the values under its old name."""
    old, name = goal.path[-1].removeprefix("name="), str(goal.value).removeprefix("name=")
    item = goal.before if goal.path[-1].startswith("name=") and isinstance(goal.before, dict) else None
    if item is not None and isinstance(value, dict) and alike(value, item):
        yield Candidate((*at, "name"), name)
    content = goal.before if item is None else item.get("value")
    if _flat(at[-1]) == _flat(old) and alike(value, content):
        names = [name] if at[-1] == old else _spellings(name)
        yield from (Candidate(at, value, renamed=spelled) for spelled in names)


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _spellings(name: str) -> list[str]:
    """A key as it may be spelled in values when a template changes its case."""
    return list(dict.fromkeys((*_ways(name)[1:], name)))


def _ways(name: str) -> tuple[str, str, str, str]:
    """A key as it is, and in the ways in which values are spelled."""
    words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    camel = words[0] + "".join(word.title() for word in words[1:]) if words else name
    return name, camel, "_".join(words), "-".join(words)


def _leaf(at: Path, value: Any, goal: Goal) -> Iterator[Candidate]:
    if value is None:
        return
    if isinstance(value, bool) != isinstance(goal.before, bool):
        # A truth that a template puts into quotes.
        if isinstance(value, bool) and goal.before == _spelled(value) and goal.value in ("true", "false"):
            yield Candidate(at, goal.value == "true")
        return
    if alike(value, goal.before):
        if goal.op == "remove":
            yield Candidate(at, None, removed=True)
        else:
            yield Candidate(at, _typed(goal.value, value))
        return
    if goal.op == "remove" or not isinstance(goal.before, str) or not isinstance(goal.value, str):
        return
    part = str(value)
    if not part or (len(part) < 2 and not part.isdecimal()):
        return
    for match in re.finditer(re.escape(part), goal.before):
        new = between(goal.value, goal.before[: match.start()], goal.before[match.end() :])
        if new and new != part:
            yield Candidate(at, _typed(new, value))
    if isinstance(value, str):
        yield from _composed(at, value, goal.before, goal.value)


def _composed(at: Path, value: str, before: str, wanted: str) -> Iterator[Candidate]:
    """A text of the values that holds more than the field: a template of its own, or the field as a part of it."""
    if closed(value):
        yield from (Candidate(at, text) for text in recomposed(value, _ACTION, before, wanted))
    if 1 < len(before) < len(value):
        for match in re.finditer(rf"(?<![\w.-]){re.escape(before)}(?![\w.-])", value):
            yield Candidate(at, value[: match.start()] + wanted + value[match.end() :])


def _typed(new: Any, like: Any) -> Any:
    """A new value in the type the old one has, where that is possible."""
    if isinstance(like, str) and isinstance(new, int) and not isinstance(new, bool):
        return str(new)
    if isinstance(like, int) and not isinstance(like, bool) and isinstance(new, str) and new.isdecimal():
        return int(new)
    return new


def _written(view: View, stack: list[Layer], tree: Any, chosen: Sequence[Candidate]) -> Iterator[Attempt]:
    """The candidates where they stand now, then in the strongest file given for the environment."""
    for own in (False, True):
        session = Session(view)
        try:
            for candidate in chosen:
                _write(session, stack, tree, candidate, own=own)
        except EditRefused:
            continue
        changes = session.changes()
        if changes:
            yield Attempt(changes, ", ".join(sorted(changes)))


def _write(session: Session, stack: list[Layer], tree: Any, candidate: Candidate, *, own: bool) -> None:
    holders = [layer for layer in stack if layer.has(candidate.at)]
    if own:
        # A list of parameters takes no value that it does not hold.
        given = [item for item in stack if item.given and not item.listed]
        if not given or (holders and holders[-1] is given[-1]):
            raise EditRefused("It stands in the environment's own file already.")
        _override(session, given[-1], tree, candidate)
        return
    # What no file says yet is said where most of what is beside it stands, else in the environment's own file, else
    # in the chart's defaults.
    places = holders or _beside(stack, candidate.at) or [item for item in stack if not item.prefix]
    if not places:
        raise EditRefused("There is no file of values.")
    layer = places[-1]
    inside = layer.inside(candidate.at) or ()

    def change(text: Edited, document: int, base: Path) -> None:
        if candidate.renamed:
            text.rename(document, (*base, *inside), candidate.renamed)
        elif candidate.removed:
            text.remove(document, (*base, *inside))
        else:
            text.set(document, (*base, *inside), candidate.value)

    layer.edit(session.file(layer.path).text, change)


def _beside(stack: list[Layer], at: Path) -> list[Layer]:
    """The file that holds most of the mapping in which a new entry is to stand."""
    sizes = [
        (len(held), layer)
        for layer in stack
        if (inside := layer.inside(at[:-1]))
        and isinstance(held := pointer.resolve(layer.content, inside, None), dict)
        and len(held) > 1
    ]
    return [max(sizes, key=lambda item: item[0])[1]] if sizes else []


def _override(session: Session, layer: Layer, tree: Any, candidate: Candidate) -> None:
    """Sets the value in a file that does not hold it; a list is copied whole, since Helm replaces lists."""
    if candidate.removed or candidate.renamed:
        raise EditRefused("Taking a default away needs an edit where it stands.")
    at, value = candidate.at, candidate.value
    for length in range(1, len(at)):
        around = pointer.resolve(tree, at[:length], None)
        if isinstance(around, list):
            value = with_set(around, at[length:], value)
            at = at[:length]
            break
    old = pointer.resolve(tree, at, None)
    if isinstance(old, dict) and isinstance(value, dict) and old.keys() - value.keys():
        raise EditRefused("Taking a default away needs an edit where it stands.")

    def change(text: Edited, document: int, base: Path) -> None:
        if isinstance(old, dict) and isinstance(value, dict):
            for key, item in value.items():
                if key not in old or not same(old[key], item):
                    text.set(document, (*base, *at, key), item)
        else:
            text.set(document, (*base, *at), value)

    layer.edit(session.file(layer.path).text, change)
