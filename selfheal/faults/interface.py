"""What a fault is to the rest of the house: an id, a detector, a remedy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from selfheal.cluster.snapshot import Snapshot
from selfheal.incidents.record import Evidence, Explained, ObjectRef, Target


@dataclass(frozen=True)
class Finding:
    """A fault seen on an object. ``confidence`` is 0..1; ``facts`` are the JSON-able parameters of the
    remedy.

    ``affects`` are the workloads (or other objects) that suffer from it; ``through`` the Services that it says
    cannot be reached, so that a finding on one of them accounts for it. ``evidence`` carries ids only after the diagnosis numbered it. ``mitigation`` is a command a person may
    run now.
    """

    fault: str
    object: ObjectRef
    confidence: float
    summary: str
    variant: str = ""
    container: str = ""
    evidence: tuple[Evidence, ...] = ()
    explains: tuple[Explained, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    mitigation: str = ""
    affects: tuple[ObjectRef, ...] = ()
    through: tuple[ObjectRef, ...] = ()


@dataclass(frozen=True)
class Exact:
    """This very value. ``origin`` cites the spec it stands in; never a log, event or text."""

    value: Any
    origin: str


@dataclass(frozen=True)
class NearName:
    """The one of ``candidates`` (existing names or keys of ``kind``) that is plainly meant by ``wanted``."""

    kind: str
    wanted: str
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class AtLeast:
    """A bounded raise: the present quantity times ``factor``, and no less than ``minimum`` (a quantity or
    "").
    """

    factor: float
    minimum: str = ""


@dataclass(frozen=True)
class OneOf:
    """One of values that stand in specs; repair takes the one that git history or the repository confirms."""

    values: tuple[Any, ...]
    origin: str


@dataclass(frozen=True)
class LastGood:
    """What the field was when the workload last worked (old ReplicaSet, git history), else the fallback's
    value.
    """

    fallback: Exact | NearName | AtLeast | OneOf | None = None


@dataclass(frozen=True)
class Release:
    """What the field was before the newest release, together with all else of the workload that came with it.

    ``alone``: an older object of the cluster proves that nothing else of the pods differs.
    """

    alone: bool = False


@dataclass(frozen=True)
class Taken:
    """What the live object has at a field of which the API server refused the repository's value; None: nothing is known.

    It counts where the repository says something else. ``beside``: only where no other edit of the remedy does.
    ``same`` are (pointer, value) of the items in which the field is counted, by which they are known as the same.
    ``required``: it is missing in the repository, and is added. ``instead``: the pointer under which the repository
    writes it, which is no field; the key is renamed, and its value stays. ``mistyped``: it counts only where the
    repository's value is of another type, or no amount where an amount belongs.
    """

    value: Any
    origin: str
    same: tuple[tuple[str, Any], ...] = ()
    beside: bool = False
    required: bool = False
    instead: str = ""
    mistyped: bool = False


Query = Exact | NearName | AtLeast | OneOf | LastGood | Release | Taken


@dataclass(frozen=True)
class FieldEdit:
    """One field of a rendered object. ``field`` is a pointer as in :mod:`selfheal.cluster.pointer`.

    ``value`` is ignored for op "remove". ``where_written``: only where the repository says something else; what it leaves
    to defaults stays so.
    """

    object: ObjectRef
    field: str
    value: Query
    op: Literal["set", "remove"] = "set"
    where_written: bool = False


@dataclass(frozen=True)
class Remedy:
    """The intended change. ``escalate`` non-empty: no edit may be proposed, and what a person has to
    decide.
    """

    title: str
    edits: tuple[FieldEdit, ...]
    reason: str
    safety: Literal["unsafe", "safe"] = "unsafe"
    requires_recreate: bool = False
    escalate: str = ""


class Fault(ABC):
    """One kind of thing that goes wrong.

    ``blames`` are the kinds of object it accuses; ``writes`` the pointers its remedy may write (``*`` stands
    for one part), () for what no repository can mend. Detectors take whatever a cluster holds: absent or odd fields are no error.
    """

    id: ClassVar[str]
    blames: ClassVar[tuple[str, ...]]
    writes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def detect(self, snapshot: Snapshot, target: Target | None) -> Iterable[Finding]:
        """All occurrences in the snapshot; ``target`` is what the incident is about, for faults that need
        it.
        """

    @abstractmethod
    def remedy(self, finding: Finding) -> Remedy:
        """The intended change for a finding of this fault, from its facts alone."""
