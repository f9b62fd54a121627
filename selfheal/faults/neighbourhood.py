"""Which values of a live object stand in for a field that the API server refused: the field, and what it must agree with.

The live object is the last version that was taken, so its values are good ones. Where validation compares two fields
(requests with limits, labels with their selector, mounts with volumes) either may be the wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Object
from selfheal.cluster.workloads import mapping, mappings
from selfheal.faults.nearness import nearest
from selfheal.faults.refusals import Refusal

Tokens = tuple[str, ...]
#: Values that are looked at for one refusal, and lists' items.
MOST, ITEMS = 24, 64
#: Values below a refused field up to which any that differs is taken for the refused one.
FEW = 8
#: Where a number and a text mean the same amount.
AMOUNT = re.compile(r"/(?:requests|limits|hard|capacity)/|/(?:sizeLimit|averageValue|divisor|target/value)$")
_RESOURCES = re.compile(r"^(?P<base>.*/resources)(?:/(?:requests|limits)(?:/(?P<name>.+))?)?$")
_LIMITED = re.compile(r"less than or equal to (?P<name>[\w./-]+) limit")
_MOUNT = re.compile(r"^(?P<spec>.*)/(?:containers|initContainers)/[^/]+/volumeMounts/[^/]+/name$")
_SELECTING = re.compile(r"^/spec/(?:selector|template/metadata/labels)(?:/|$)")
_BOUNDS = re.compile(r"^/spec/(?:minReplicas|maxReplicas)$")
#: What may change of a StatefulSet, as its refusal says (pkg/apis/apps/validation of Kubernetes).
_FREE = frozenset(
    {
        "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "minReadySeconds",
        "persistentVolumeClaimRetentionPolicy",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Around:
    """Pointers into the live object: ``fields`` are those that the refusal is about, ``beside`` those that it may be about
    where none of them differs, ``same`` what must be alike for positions in lists to mean the same item. ``meant`` are
    pairs of a key that is no field, and the field of the live object that is plainly meant by it.
    """

    fields: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    meant: tuple[tuple[str, str], ...] = ()


def around(live: Object, refusal: Refusal) -> Around:
    """What of the live object a refusal is about; nothing where the live object does not have the field."""
    field, said = refusal.field, refusal.said
    if not field:
        return Around()
    if refusal.cause == "unknown-field":
        return Around(meant=tuple(islice(_meant(live, pointer.parts(field)), MOST)))
    resources = _RESOURCES.match(field)
    if resources is not None:
        return _resources(live, resources, said)
    if _SELECTING.match(field) and mapping(mapping(live.get("spec")).get("template")):
        return _selecting(live)
    if field == "/spec" and refusal.cause == "forbidden":
        return _fixed(live)
    if _BOUNDS.match(field):
        return _cut(("/spec/minReplicas", "/spec/maxReplicas"), live)
    if refusal.cause == "type" and field == "/spec":
        amounts = (leaf for leaf in _leaves(live, ("spec",)) if AMOUNT.search(pointer.join(*leaf)))
        return _cut((_named(live, leaf) for leaf in amounts), live)
    found = [_leaves(live, place) for place in _places(live, pointer.parts(field))]
    fields = [_named(live, leaf) for leaves in found for leaf in leaves]
    if len(fields) > FEW and refusal.cause != "type" and "immutable" not in said:
        # Among so much, what else was changed would be taken for what was refused.
        return Around()
    return Around(
        tuple(islice(fields, MOST)),
        tuple(islice(_coupled(live, refusal), MOST)),
        tuple(
            islice(
                (
                    item
                    for field in fields
                    for item in (
                        *_same(live, field),
                        *(_no_more(live, field) if refusal.cause == "required" else ()),
                    )
                ),
                MOST,
            )
        ),
    )


def _cut(fields: Iterable[str], live: Object, beside: Iterable[str] = ()) -> Around:
    return Around(
        tuple(islice((item for item in fields if pointer.exists(live, item)), MOST)),
        tuple(islice(beside, MOST)),
    )


def _resources(live: Object, match: re.Match[str], said: str) -> Around:
    limited = _LIMITED.search(said)
    name = match["name"] or (limited["name"] if limited is not None else "")
    fields = [
        _named(live, leaf)
        for place in _places(live, pointer.parts(match["base"]))
        for leaf in _leaves(live, place)
        if not name or leaf[-1] == name.replace("~1", "/")
    ]
    return _cut(fields, live)


def _selecting(live: Object) -> Around:
    """The selector's labels, and the same labels of the template: others of the template are free."""
    keys = list(mapping(pointer.resolve(live, "/spec/selector/matchLabels")))
    bases = ("spec", "selector", "matchLabels"), ("spec", "template", "metadata", "labels")
    return _cut((pointer.join(*base, key) for base in bases for key in keys), live)


def _fixed(live: Object) -> Around:
    """What cannot change once an object is made."""
    spec = mapping(live.get("spec"))
    if live.get("kind") == "StatefulSet":
        held = [leaf for key in spec if key not in _FREE for leaf in _leaves(live, ("spec", key))]
        # What the API server writes into a template by itself is in no repository.
        return _cut((_named(live, leaf) for leaf in held if "status" not in leaf), live)
    if live.get("kind") == "PersistentVolumeClaim":
        held = [leaf for key in spec if key != "resources" for leaf in _leaves(live, ("spec", key))]
        # A claim may grow, and then this is no reason.
        return _cut((_named(live, leaf) for leaf in held), live, ("/spec/resources/requests/storage",))
    return Around()


def _coupled(live: Object, refusal: Refusal) -> Iterator[str]:
    """Fields that validation compares with the refused one."""
    tokens = pointer.parts(refusal.field)
    mount = _MOUNT.match(refusal.field)
    if mount is not None and refusal.cause == "missing":
        for index, _volume in enumerate(mappings(pointer.resolve(live, f"{mount['spec']}/volumes"))):
            yield f"{mount['spec']}/volumes/{index}/name"
        for index, _claim in enumerate(mappings(pointer.resolve(live, "/spec/volumeClaimTemplates"))):
            yield f"/spec/volumeClaimTemplates/{index}/metadata/name"
    elif refusal.cause == "duplicate" and len(tokens) > 1 and tokens[-2].isdecimal():
        # Either of two that are alike may be the wrong one.
        for index, _item in enumerate(mappings(pointer.resolve(live, tokens[:-2]))):
            yield pointer.join(*tokens[:-2], index, tokens[-1])
    elif refusal.cause == "forbidden" and "may not be specified when" in refusal.said:
        parent = mapping(pointer.resolve(live, tokens[:-1]))
        for key, value in parent.items():
            if key != tokens[-1] and not isinstance(value, dict | list):
                yield _named(live, (*tokens[:-1], key))


def _meant(live: Object, tokens: Tokens) -> Iterator[tuple[str, str]]:
    for place in _places(live, tokens[:-1]):
        parent = pointer.resolve(live, place)
        key = nearest(tokens[-1], list(parent)) if isinstance(parent, dict) else None
        if key is not None:
            base = _named(live, (*place, "")).removesuffix("/")
            yield base + pointer.join(tokens[-1]), base + pointer.join(key)


def _places(live: Any, tokens: Tokens) -> Iterator[Tokens]:
    """Where a path leads; Go tells of fields in lists without their positions, and ``*`` stands for any."""
    pending: list[tuple[Any, Tokens, Tokens]] = [(live, (), tokens)]
    while pending:
        value, at, rest = pending.pop(0)
        if not rest:
            yield at
        elif isinstance(value, list) and not (rest[0].isdecimal() or rest[0].startswith("name=")):
            left = rest[1:] if rest[0] == "*" else rest
            pending += [(item, (*at, str(index)), left) for index, item in enumerate(value[:ITEMS])]
        else:
            missing = object()
            found = pointer.step(value, rest[0], missing)
            if found is not missing:
                pending.append((found, (*at, rest[0]), rest[1:]))


def _leaves(live: Any, at: Tokens) -> list[Tokens]:
    value = pointer.resolve(live, at)
    if isinstance(value, dict):
        return [leaf for key in value for leaf in _leaves(live, (*at, str(key)))]
    if isinstance(value, list):
        return [leaf for index in range(min(len(value), ITEMS)) for leaf in _leaves(live, (*at, str(index)))]
    return [] if value is None else [at]


def _named(live: Any, tokens: Tokens) -> str:
    """The pointer with names for positions, where items have names of their own and the name is not what is asked for."""
    told: list[str] = []
    for number, token in enumerate(tokens):
        value = pointer.resolve(live, tokens[:number])
        if isinstance(value, list) and token.isdecimal() and tokens[number + 1 :] != ("name",):
            names = [item.get("name") if isinstance(item, dict) else None for item in value]
            name = names[int(token)] if int(token) < len(names) else None
            # Mounts are named after their volumes, and several may have one.
            own = number > 0 and tokens[number - 1] != "volumeMounts"
            if own and isinstance(name, str) and name and names.count(name) == 1:
                told.append(f"name={name}")
                continue
        told.append(token)
    return pointer.join(*told)


def _same(live: Any, field: str) -> Iterator[str]:
    """What else is said of the items that a pointer counts."""
    tokens = pointer.parts(field)
    for number, token in enumerate(tokens[:-1], start=1):
        if token.isdecimal():
            item = mapping(pointer.resolve(live, tokens[:number]))
            for key, value in item.items():
                other = pointer.join(*tokens[:number], str(key))
                if not isinstance(value, dict | list) and other != field:
                    yield other


def _no_more(live: Any, field: str) -> Iterator[str]:
    """The places after the last items of the lists that a pointer leads through. What lacks a field may be a second item
    that a misspelt name made; then there is one more, and nothing is to be added to either.
    """
    tokens = pointer.parts(field)
    for number in range(1, len(tokens)):
        items = pointer.resolve(live, tokens[:number])
        if isinstance(items, list):
            yield pointer.join(*tokens[:number], len(items))
