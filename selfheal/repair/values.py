"""Decides the value of each field a remedy names, and cites where it stands.

In this order: what older objects of the cluster had (kept by the analysis), git history, specs of sibling
environments in the repository (ports, probe paths and names of references only), then what the remedy falls back on.
Nothing that only a log, an event or a text names is ever taken: the fields of a finding that carry values come from
specs, and names are chosen among existing ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.config.model import Policy
from selfheal.errors import NeedsPerson
from selfheal.faults.interface import (
    AtLeast,
    Exact,
    FieldEdit,
    LastGood,
    NearName,
    OneOf,
    Query,
    Release,
    Taken,
)
from selfheal.faults.nearness import likeness, nearest
from selfheal.incidents.record import Analysis, Tried
from selfheal.repair import amounts, spelling, syntax
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object, alike

_ABSENT = object()
#: Fields whose value a sibling environment may supply.
_SHARED_BY_ENVIRONMENTS = re.compile(
    r"(?:[pP]orts?(?:/[^/]+)*/(?:port|targetPort|containerPort|number|name|protocol)"
    r"|Probe/(?:httpGet|tcpSocket|grpc)/(?:path|port|scheme|service)"
    r"|(?:configMapKeyRef|secretKeyRef)/(?:name|key)|(?:configMapRef|secretRef)/name|configMap/name|secret/secretName"
    r"|items/[^/]+/key|serviceAccountName|claimName|scaleTargetRef/name|service/(?:name|port/(?:number|name)))$"
)

RAISE = "a bounded raise"
#: From this likeness on a path is a slip of another.
SLIP = 0.85
_PATH = "Probe/httpGet/path"
#: Words by which a path is made for one probe, and those of a path that fits any.
_PURPOSE = re.compile(r"read|live|alive|start|boot|init|warm", re.IGNORECASE)
_GENERAL = re.compile(r"ping|health|status|heartbeat", re.IGNORECASE)

#: Fields in which a slip of the pen is looked for, when nothing else is known.
SPELLED = re.compile(
    r"/(?:command|args|workingDir|image|mountPath|subPath)(?:/\d+)?$|/env/[^/]+/value$|Probe/httpGet/path$|^/data/[^/]+$"
)
_NAMES = re.compile(
    r"/(?:name|secretName|claimName|serviceAccountName)$|/env/[^/]+/value$|^/data/|/(?:command|args)(?:/\d+)?$"
)
_HASH = re.compile(r"-[a-z0-9]{10}$")
#: From so many lines on a word is no slip.
MANY = 3
#: Fields that a workload may do without, as it did before they came.
OPTIONAL = re.compile(
    r"/(?:serviceAccountName|priorityClassName|runtimeClassName|schedulerName|nodeSelector(?:/[^/]+)?|dnsPolicy|workingDir"
    r"|subPath|command|args|lifecycle|initialDelaySeconds|timeZone)$"
)
SPELLING = "the present value, without the slip in it"
_FILLED_IN = {"timeoutSeconds": 1, "successThreshold": 1}

Past = tuple[Any, str]


class NoValue(NeedsPerson):
    """No value for the field is known for certain."""

    code = "no-value"


@dataclass
class Sources:
    """What a value may be taken from. ``past`` answers earlier values of a field, newest first, with their origin."""

    analysis: Analysis
    policy: Policy
    past: Callable[[FieldEdit], Iterator[Past]] = field(default=lambda edit: iter(()))
    siblings: Callable[[FieldEdit], Sequence[tuple[str, Object]]] = field(default=lambda edit: ())
    tried: Sequence[Tried] = ()
    #: The commit that brought a field which was not there before, in words, "" where none did.
    without: Callable[[FieldEdit], str] = field(default=lambda edit: "")
    #: All that the unit renders, and lines of the repository's files, for the words that it uses.
    objects: Sequence[Object] = ()
    lines: Callable[[], Sequence[str]] = field(default=lambda: ())


def decide(edit: FieldEdit, obj: Object, sources: Sources) -> Goal:
    """The goal for one edit of a rendered object. Raises NoValue saying what a person has to decide."""
    before = pointer.resolve(obj, edit.field, None)
    if edit.op == "remove":
        _unless_shifted(edit, obj, sources.analysis)
        origin = edit.value.origin if isinstance(edit.value, Exact) else ""
        held = isinstance(edit.value, Taken)
        return Goal(edit.object, edit.field, "remove", None, before, origin, held=held)
    if not isinstance(edit.value, Taken):
        _unless_shifted(edit, obj, sources.analysis)
    excluded = _tried(edit, sources.tried)
    for value, origin in _options(edit, edit.value, obj, sources):
        held = isinstance(edit.value, Taken)
        if value is None or (alike(value, before) and before is not None and not held):
            continue
        if any(alike(value, other) for other in excluded):
            continue
        fit = fitting(value, before, edit.field)
        _unless_named_rightly(edit, before, fit, origin, sources)
        return Goal(edit.object, edit.field, "set", fit, before, origin, origin.startswith(RAISE), held=held)
    better = _without_slip(edit, before, obj, sources)
    if better is not None and not any(alike(better, other) for other in excluded):
        return Goal(edit.object, edit.field, "set", better, before, SPELLING)
    if isinstance(edit.value, LastGood) and before is not None and OPTIONAL.search(edit.field):
        origin = sources.without(edit)
        if origin:
            return Goal(edit.object, edit.field, "remove", None, before, origin)
    tried = " other than the one that did not help" if excluded else ""
    raise NoValue(
        f"No right value{tried} is known for {edit.field} of {edit.object}.",
        hint="A person has to choose it; neither the cluster's older objects nor the repository have one.",
    )


def _unless_named_rightly(edit: FieldEdit, before: Any, value: Any, origin: str, sources: Sources) -> None:
    """Raises NoValue where the one word that would change is what all the repository says, and the new one stands once:
    the object of that name is misspelt then, and to rename an object is for a person.
    """
    if not _NAMES.search(edit.field) or not (isinstance(before, str) and isinstance(value, str)):
        return
    known = any(item.field == edit.field and item.value == value for item in sources.analysis.last_good)
    # What a generator made has a hash behind its name.
    pair = spelling.changed_word(before, value) or spelling.changed_word(before, _HASH.sub("", value))
    if known or origin.startswith("git history") or pair is None:
        return
    lines = sources.lines()
    if spelling.mentions(lines, pair[0]) >= MANY and spelling.mentions(lines, pair[1]) <= 1:
        raise NoValue(
            f"{edit.field} of {edit.object} says {pair[0]}, as the repository does elsewhere; {pair[1]} stands in it only"
            " once.",
            hint="A person has to rename the object that is misspelt.",
        )


def _without_slip(edit: FieldEdit, before: Any, obj: Object, sources: Sources) -> Any:
    """The present value with the one slip in it put right, None where that is not plain."""
    if before is None or not SPELLED.search(edit.field) or isinstance(edit.value, Release | AtLeast):
        return None
    if edit.field.startswith("/data/") and isinstance(before, str):
        right = syntax.parsed_right(pointer.parts(edit.field)[-1], before)
        if right is not None:
            return right
    told = [
        item.message
        for item in sources.analysis.evidence
        if item.source in ("log", "event") or item.field.startswith("/status/")
    ]
    return spelling.mended(before, edit.field, obj, sources.objects, told, sources.lines())


def _unless_shifted(edit: FieldEdit, obj: Object, analysis: Analysis) -> None:
    """A position in a list counts only where the same item stands there in the cluster and in the repository."""
    tokens = pointer.parts(edit.field)
    told = {item.field: item.value for item in analysis.evidence if item.object == edit.object}
    for length, token in enumerate(tokens, start=1):
        named = pointer.join(*tokens[:length], "name")
        if token.isdecimal() and named in told and pointer.resolve(obj, named, None) != told[named]:
            raise NoValue(
                f"{edit.field} of {edit.object} is another item in the repository than in the cluster.",
                hint="A person has to make the change.",
            )


def _guessed(edit: FieldEdit, value: Any, obj: Object) -> bool:
    """Whether a value that is no earlier one of this field is a mere guess: images differ in the users they know, so
    a user counts only where the same object runs as it already.
    """
    return pointer.parts(edit.field)[-1:] in (("runAsUser",), ("runAsGroup",)) and not _holds(obj, value)


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds(item, wanted) for item in value.values())
    if isinstance(value, list):
        return any(_holds(item, wanted) for item in value)
    return type(value) is type(wanted) and bool(value == wanted)


def _tried(edit: FieldEdit, tried: Sequence[Tried]) -> list[Any]:
    return [
        change.after
        for attempt in tried
        for change in attempt.rendered
        if change.object == edit.object and change.field == edit.field
    ]


def _options(edit: FieldEdit, query: Query, obj: Object, sources: Sources) -> Iterator[Past]:
    """Possible values, the best founded first."""
    before = pointer.resolve(obj, edit.field, None)
    if isinstance(query, LastGood):
        fallback = query.fallback
        for value, origin in _earlier(edit, obj, sources):
            if _allowed(value, fallback, before):
                yield value, origin
        if fallback is not None:
            found = _options(edit, fallback, obj, sources)
            yield from (pair for pair in found if not _guessed(edit, pair[0], obj))
    elif isinstance(query, Taken):
        yield query.value, query.origin
    elif isinstance(query, Exact):
        if not edit.field.endswith(_PATH) or _path_meant(before, (query.value,)) is not None:
            yield query.value, query.origin
    elif isinstance(query, NearName):
        name = nearest(query.wanted, query.candidates)
        if name is not None:
            yield name, f"the existing {query.kind} that is plainly meant by {query.wanted}"
    elif isinstance(query, OneOf):
        yield from _one_of(edit, query, obj, sources)
    elif isinstance(query, Release):
        # What git knows of it is asked for as a whole (`release`); here an older object of the cluster speaks.
        yield from (
            (item.value, item.origin) for item in sources.analysis.last_good if item.field == edit.field
        )
    else:
        yield _raised(edit, query, before, sources)


def _earlier(edit: FieldEdit, obj: Object, sources: Sources) -> Iterator[Past]:
    for item in sources.analysis.last_good:
        if item.field == edit.field:
            yield item.value, item.origin
    yield from sources.past(edit)
    if _SHARED_BY_ENVIRONMENTS.search(edit.field):
        found: dict[str, Past] = {}
        for name, sibling in sources.siblings(edit):
            value = pointer.resolve(sibling, edit.field, None)
            if isinstance(value, str | int) and _comparable(edit, obj, sibling, value):
                found[repr(value)] = (value, name)
        # Siblings that disagree confirm nothing.
        if len(found) == 1:
            yield next(iter(found.values()))


def _comparable(edit: FieldEdit, obj: Object, sibling: Object, value: Any) -> bool:
    """Whether a sibling's value tells anything: another version of the program may answer at other paths, so that such a
    path counts only where the present one is plainly a slip of it.
    """
    tokens = pointer.parts(edit.field)
    at = next((index for index, token in enumerate(tokens) if token.endswith("ontainers")), None)
    if at is None or not edit.field.endswith(_PATH):
        return True
    image = pointer.join(*tokens[: at + 2], "image")
    same = pointer.resolve(obj, image, None) == pointer.resolve(sibling, image, None)
    return same or likeness(str(pointer.resolve(obj, edit.field, None)), str(value)) >= SLIP


def _allowed(value: Any, fallback: Query | None, before: Any) -> bool:
    """Whether an earlier value makes sense beside what the remedy knows."""
    if isinstance(fallback, NearName):
        return value in fallback.candidates
    if isinstance(fallback, AtLeast):
        return before is None or amounts.more(value, before)
    if isinstance(fallback, OneOf) and all(isinstance(item, int) for item in fallback.values):
        return value in fallback.values
    return True


def _one_of(edit: FieldEdit, query: OneOf, obj: Object, sources: Sources) -> Iterator[Past]:
    confirmed = [value for value, _ in _earlier(edit, obj, sources) if value in query.values]
    if confirmed:
        yield confirmed[0], query.origin
    elif "/resources/" in edit.field:
        # What other programs are given says nothing of what this one needs.
        return
    elif edit.field.endswith(_PATH):
        meant = _path_meant(pointer.resolve(obj, edit.field, None), query.values)
        if meant is not None:
            yield meant, query.origin
    elif len(query.values) == 1:
        yield query.values[0], query.origin


def _path_meant(before: Any, values: Sequence[Any]) -> str | None:
    """The path of which the present one is plainly a slip, else the one that another probe of the program asks for its
    health in general. One that is made for another question, as readiness, tells nothing of this one.
    """
    paths = [str(value) for value in values]
    meant = nearest(str(before), paths)
    if meant is not None and likeness(str(before), meant) >= SLIP:
        return meant
    if (
        len(set(paths)) == 1
        and _GENERAL.search(paths[0])
        and not any(map(_PURPOSE.search, (str(before), paths[0])))
    ):
        return paths[0]
    return None


def _raised(edit: FieldEdit, query: AtLeast, before: Any, sources: Sources) -> Past:
    policy = sources.policy
    now = before if before is not None else amounts.DEFAULTS.get(pointer.parts(edit.field)[-1])
    present = quantity(now)
    if present is None:
        raise NoValue(
            f"{edit.field} of {edit.object} has no present value that could be raised.",
            hint="A person has to size it.",
        )
    value = amounts.times(now, min(query.factor, policy.raise_factor))
    if query.minimum and amounts.more(query.minimum, value):
        value = int(query.minimum) if isinstance(now, int) else query.minimum
    past = [amount for earlier, _ in sources.past(edit) if (amount := quantity(earlier)) is not None]
    first = min([present, *past])
    # A startup probe is as good as a new one with the time that new ones give.
    within = edit.field.endswith("/startupProbe/failureThreshold") and str(value) == query.minimum
    if not within and first > 0 and (quantity(value) or 0) > first * Decimal(str(policy.raise_total)):
        raise NoValue(
            f"{edit.field} of {edit.object} was raised to {now} already; {value} would be more than"
            f" {policy.raise_total:g} times what it was.",
            hint="A person has to decide whether it may grow further, or whether something leaks.",
        )
    return value, f"{RAISE} of the present {now}"


def fitting(value: Any, before: Any, where: str) -> Any:
    """The value in the type that the field has, without what Kubernetes fills in by itself."""
    last = pointer.parts(where)[-1] if where else ""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and "/env/" in where
        and last == "value"
    ):
        return str(value)
    if isinstance(value, dict) and last.endswith("Probe"):
        kept = {key: item for key, item in value.items() if _FILLED_IN.get(key) != item}
        if isinstance(kept.get("httpGet"), dict) and kept["httpGet"].get("scheme") == "HTTP":
            kept["httpGet"] = {key: item for key, item in kept["httpGet"].items() if key != "scheme"}
        return kept
    return value
