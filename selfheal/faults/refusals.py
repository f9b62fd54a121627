"""What the API server refused of the last apply, read from what kubectl printed.

A refused change leaves no trace in the objects: the live one is the old one, and well. The forms are those of kubectl
(``Error from server (Invalid): …``, ``The Deployment "web" is invalid: …`` over one line or several) and of server-side
apply (``failed to create typed patch object``). Text is read as text: it tells which field of which object was refused,
and never what belongs there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from selfheal.cluster import pointer
from selfheal.cluster.kinds import BY_KIND, BY_RESOURCE
from selfheal.cluster.snapshot import Snapshot, ref_of
from selfheal.faults.evidence import quoted
from selfheal.incidents.record import Evidence, ObjectRef
from selfheal.incidents.telling import QUOTED
from selfheal.redaction import redactor

Cause = Literal[
    "value",
    "required",
    "duplicate",
    "missing",
    "forbidden",
    "unknown-field",
    "type",
    "denied",
    "conflict",
    "other",
]
#: Lines, characters of a line, and refusals that are looked at.
LINES, WIDTH, MOST = 4_000, 16_000, 60
#: Characters that are kept before, and half of those after, what is left out of a long text.
_KEPT = 80

_WORDS: dict[str, Cause] = {
    "Invalid value": "value",
    "Unsupported value": "value",
    "Too long": "value",
    "Too many": "value",
    "Required value": "required",
    "Duplicate value": "duplicate",
    "Not found": "missing",
    "Forbidden": "forbidden",
    "Internal error": "other",
}
_INVALID = re.compile(
    r"\b(?P<kind>[A-Z]\w*)(?:\.(?P<group>[\w.-]+))? \"(?P<name>[^\"\s]{1,253})\" is invalid:"
)
_PATH = r"[A-Za-z_]\w*(?:\.[A-Za-z_][\w-]*|\[[^\]\s]{0,300}\])*"
_CAUSE = re.compile(rf"(?<![\w.\]\"])(?P<field>{_PATH}): (?P<word>{'|'.join(_WORDS)})(?P<text>:?)")
_HANDLED = re.compile(
    r"(?:\b(?P<kind>[A-Z]\w*) in version \"[\w./-]+\" cannot be handled as a [A-Z]\w*"
    r"|unable to convert unstructured object to [\w./-]+, Kind=(?P<other>[A-Z]\w*)): "
)
_STRICT = re.compile(rf"(?P<word>unknown|duplicate) field \"(?P<field>{_PATH})\"")
_GO_FIELD = re.compile(
    r"cannot unmarshal \w+ into Go (?:struct field (?P<field>(?:\w*|\w+\[\d+\])(?:\.\w+|\[\d+\])*)|value)"
)
_AMOUNTS = re.compile(r"quantities must match the regular expression|unable to parse quantity's suffix")
_TYPED = re.compile(
    r"failed to create typed (?:patch|live) object \((?P<namespace>[^/\s]{0,63})/(?P<name>[^;\s]{1,253}); [\w./-]+, Kind=(?P<kind>\w+)\)"
)
_SCHEMA = re.compile(
    r"(?<![\w.\]])\.(?P<field>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[[^\]\s]{0,300}\])*): (?P<text>field not declared|expected )"
)
#: Of kubectl before 1.25, which looked at the schema itself.
_CLIENT = re.compile(
    rf"ValidationError\((?P<kind>[A-Z]\w*)(?:\.(?P<path>{_PATH}))?\): "
    r"(?:(?P<what>unknown|missing required) field \"(?P<name>[\w-]+)\"|(?P<type>invalid type for ))"
)
_FORBIDDEN = re.compile(r"\b(?P<resource>[a-z]+)(?:\.[\w.-]+)? \"(?P<name>[^\"\s]{1,253})\" is forbidden:")
_DENIED = re.compile(r"admission webhook \"[^\"]+\" denied the request|failed calling webhook \"")
_CONFLICT = re.compile(r"Apply failed with \d+ conflicts?:")
_ABOUT = re.compile(r"^Name: \"(?P<name>[^\"\s]+)\", Namespace: \"(?P<namespace>[^\"\s]*)\"")
_FAILED = re.compile(r"^(?:Error from server|error:|The [A-Z]\w* \"|Error:)", re.IGNORECASE)
_DONE = re.compile(
    r"^(?P<resource>[a-z]+)(?:\.[a-z0-9.-]+)?/(?P<name>[\w.-]+) (?:serverside-applied|created|configured|unchanged)\b"
)
#: A kind that is not served, which others see to; and the first line of those in which the last one tells.
_PROLOGUE = re.compile(
    r"no matches for kind|resource mapping not found|ensure CRDs are installed|error when applying patch:$"
)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"")


@dataclass(frozen=True)
class Refusal:
    """One field of one object that was not taken.

    ``object`` is None where the text does not name it. ``field`` is a pointer with positions as the server counts them, ""
    where none is named; a ``*`` stands for a position that is not told. ``said`` is what is wrong with it.
    """

    object: ObjectRef | None
    field: str
    cause: Cause
    said: str
    evidence: Evidence


def refusals(snapshot: Snapshot) -> tuple[Refusal, ...]:
    """All that the last apply was refused, in the order of the text."""
    return snapshot.memo("sync-refusals", lambda: tuple(_unique(_read(snapshot)))[:MOST])


def _unique(found: Iterator[Refusal]) -> Iterator[Refusal]:
    return iter(
        {(item.object, item.field, item.cause, item.evidence.message): item for item in found}.values()
    )


@dataclass
class _Head:
    """The object that lines are about, and what was quoted of them."""

    ref: ObjectRef | None
    line: str
    schema: bool = False


def _read(snapshot: Snapshot) -> Iterator[Refusal]:
    lines = snapshot.sync().splitlines()[:LINES]
    about: dict[str, str] = {}
    head: _Head | None = None
    for raw in lines:
        line = raw[:WIDTH].strip()
        named = _ABOUT.match(line)
        if named is not None:
            about[named["name"]] = named["namespace"]
        elif not line or line.startswith(("{", "Warning:")) or _PROLOGUE.search(line):
            # A patch that is printed holds what its author wrote, not what the server says of it.
            head = None if not line.startswith("{") else head
        elif _DONE.match(line):
            head = None
        else:
            began = _begun(snapshot, line, about, lines)
            head = began or head
            found = list(_causes(head, line, began is not None)) if head is not None else []
            yield from found
            if began is not None and not found and not _opens(line):
                yield _refusal(began, "", "other", line, line)
            elif began is None and not found and _FAILED.match(line):
                yield from _unnamed(snapshot, line, about)


def _opens(line: str) -> bool:
    """Whether what is wrong stands on the lines that follow."""
    return line.endswith(("is invalid:", ": errors:", "):"))


def _begun(snapshot: Snapshot, line: str, about: dict[str, str], lines: list[str]) -> _Head | None:
    """The object of which a line begins to tell."""
    match = _TYPED.search(line)
    if match is not None:
        return _Head(_ref(snapshot, match["kind"], match["name"], match["namespace"]), line, schema=True)
    match = _INVALID.search(line)
    if match is not None:
        return _Head(_ref(snapshot, match["kind"], match["name"], about.get(match["name"], "")), line)
    match = _HANDLED.search(line)
    if match is not None:
        return _Head(_untold(snapshot, match["kind"] or match["other"], lines), line)
    match = _CLIENT.search(line)
    if match is not None:
        return _Head(_untold(snapshot, match["kind"], lines), line)
    return None


def _causes(head: _Head, line: str, first: bool) -> Iterator[Refusal]:
    if head.schema:
        for match in _SCHEMA.finditer(line):
            cause: Cause = "unknown-field" if match["text"].startswith("field") else "type"
            yield _refusal(head, _pointer(match["field"]), cause, line[match.start("text") :], line)
        return
    handled = _HANDLED.search(line) if first else None
    if handled is not None:
        rest = line[handled.end() :]
        for match in _STRICT.finditer(rest):
            cause = "unknown-field" if match["word"] == "unknown" else "duplicate"
            yield _refusal(head, _pointer(match["field"]), cause, match.group(), line)
        typed = _GO_FIELD.search(rest)
        if typed is not None:
            yield _refusal(head, _of_go(typed["field"] or ""), "type", rest, line)
        elif _AMOUNTS.search(rest):
            # Which amount it is remains untold.
            yield _refusal(head, "/spec", "type", rest, line)
        return
    for match in _CLIENT.finditer(line) if first else ():
        path = ".".join(filter(None, (match["path"], match["name"])))
        cause = "type" if match["type"] else "unknown-field" if match["what"] == "unknown" else "required"
        yield _refusal(head, _pointer(path), cause, line[match.start() :], line)
    named = _INVALID.search(line) if first else None
    begin = named.end() if named is not None else 0
    if named is None and not line.startswith("*"):
        return
    # What was written is quoted by the server, and is no word of its own.
    plain = _QUOTED.sub(lambda found: '"' + "_" * (len(found.group()) - 2) + '"', line[begin:])
    matches = list(_CAUSE.finditer(plain))
    for number, match in enumerate(matches):
        end = matches[number + 1].start() if number + 1 < len(matches) else len(plain)
        field = line[begin + match.start("field") : begin + match.end("field")]
        said = line[begin + match.start("word") : begin + end].rstrip(" ,]" if len(matches) > 1 else " ")
        yield _refusal(head, _pointer(field), _WORDS[match["word"]], said, line)


def _unnamed(snapshot: Snapshot, line: str, about: dict[str, str]) -> Iterator[Refusal]:
    """What is refused as a whole, or by somebody else than validation."""
    forbidden = _FORBIDDEN.search(line)
    kind = BY_RESOURCE.get(forbidden["resource"]) if forbidden is not None else None
    ref = None
    if forbidden is not None and kind is not None:
        ref = _ref(snapshot, kind.kind, forbidden["name"], about.get(forbidden["name"], ""))
    if forbidden is not None or _DENIED.search(line):
        cause: Cause = "denied"
    else:
        cause = "conflict" if _CONFLICT.search(line) else "other"
    yield _refusal(_Head(ref, line), "", cause, line, line)


def _refusal(head: _Head, field: str, cause: Cause, said: str, line: str) -> Refusal:
    ref = head.ref or ObjectRef(kind="", name="")
    evidence = Evidence(id="", source="sync", object=ref, message=quoted(line))
    return Refusal(head.ref, field, cause, _shortened(said), evidence)


def _shortened(said: str) -> str:
    """Without most of a whole object that is quoted in it. Redacted before it is cut."""
    said = redactor().text(said)
    return said if len(said) <= QUOTED else f"{said[:_KEPT]} … {said[-2 * _KEPT :]}"


def _ref(snapshot: Snapshot, kind: str, name: str, namespace: str) -> ObjectRef:
    """The object by what is told of it.

    Its namespace is the one that has such an object, of several the one in which the rest was applied, else the only
    one there is; "" where that leaves several.
    """
    entry = BY_KIND.get(kind)
    if not namespace and (entry is None or entry.namespaced):
        held = {ref_of(obj).namespace for obj in snapshot.list(kind) if ref_of(obj).name == name}
        applied = _applied_in(snapshot)
        for places in (held, held & applied, held or applied, set(snapshot.namespaces())):
            if len(places) == 1:
                namespace = next(iter(places))
                break
    return ObjectRef(kind=kind, namespace=namespace, name=name)


def _applied_in(snapshot: Snapshot) -> frozenset[str]:
    """Namespaces of which objects were applied that are in no other one."""

    def compute() -> frozenset[str]:
        kinds = {kind.lower(): kind for kind in snapshot.kinds()}
        places: dict[tuple[str, str], set[str]] = {}
        done = [
            match for line in snapshot.sync().splitlines()[:LINES] if (match := _DONE.match(line)) is not None
        ]
        for kind in {kinds[match["resource"]] for match in done if match["resource"] in kinds}:
            for obj in snapshot.list(kind):
                ref = ref_of(obj)
                places.setdefault((kind.lower(), ref.name), set()).add(ref.namespace)
        found = (places.get((match["resource"], match["name"]), set()) for match in done)
        return frozenset(next(iter(spaces)) for spaces in found if len(spaces) == 1) - {""}

    return snapshot.memo("applied-in", compute)


def _untold(snapshot: Snapshot, kind: str, lines: list[str]) -> ObjectRef | None:
    """An object that is named by its kind alone: the only one of that kind of which the apply says nothing else."""
    said = set()
    for line in lines:
        match = _DONE.match(line)
        if match is not None:
            said.add((match["resource"], match["name"]))
        match = _INVALID.search(line[:WIDTH])
        if match is not None:
            said.add((match["kind"].lower(), match["name"]))
    left = [ref_of(obj) for obj in snapshot.list(kind) if (kind.lower(), ref_of(obj).name) not in said]
    return left[0] if len(left) == 1 else None


def _pointer(path: str) -> str:
    """``spec.containers[0].env[name=\"A\"].value`` as a pointer; keys in brackets stand for themselves."""
    tokens: list[str] = []
    for part in re.findall(r"\[[^\]]*\]|[^.\[]+", path):
        if not part.startswith("["):
            tokens.append(part)
            continue
        inner = part[1:-1]
        key, equals, value = inner.partition("=")
        if equals and "," not in value and key in ("name", "key"):
            tokens.append(f"name={value.strip(chr(34))}")
        elif equals:
            # Items that are told apart by several of their fields.
            tokens.append("*")
        else:
            tokens.append(inner.strip('"'))
    return pointer.join(*tokens)


def _of_go(path: str) -> str:
    """A field as Go names it, after the type that has it; positions in lists may be missing, and stand for any then."""
    return _pointer(path.partition(".")[2])
