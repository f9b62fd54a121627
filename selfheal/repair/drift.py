"""Drift: a field that differs between repository and cluster is not mended by changing the repository further.

The analysis is made without the repository (where a model reads untrusted text and the cluster is read, nothing is
rendered), so it cannot know. It keeps what runs at the fields that its remedy writes, as evidence; here, where the
repository is rendered, the two are compared before any value is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfheal.cluster import pointer
from selfheal.cluster.managed import MANAGED
from selfheal.cluster.snapshot import Snapshot
from selfheal.errors import NeedsPerson
from selfheal.faults.interface import FieldEdit, Taken
from selfheal.incidents.record import Analysis, ObjectRef
from selfheal.incidents.wording import spoken
from selfheal.redaction import redactor
from selfheal.redaction.redactor import OPENING, PLACEHOLDER
from selfheal.repair.locate import Located
from selfheal.repair.objects import alike

_ABSENT = object()
#: What envsubst and its like fill in, and the fields in which a shell may do so at run time instead.
_FILLED_IN = re.compile(r"\$\{\w+(?::?[-=?+][^}]*)?\}|\{\{.*?\}\}|__[A-Z][A-Z_]*__")
_SHELL = re.compile(r"/(?:command|args)(?:/|$)|/env/|^/(?:data|stringData)/|/annotations/")


class Drift(NeedsPerson):
    """The cluster does not run what the repository says."""

    code = "drift"


def unless_drifted(
    edits: Sequence[FieldEdit], located: Located, analysis: Analysis, snapshot: Snapshot | None
) -> None:
    """A field that differs between repository and cluster is not mended by changing the repository further."""
    told = {
        (item.object, item.field): item.value
        for item in analysis.evidence
        if item.source == "object" and item.field
    }
    for edit in edits:
        obj = located.object(edit.object)
        written = pointer.resolve(obj, edit.field, _ABSENT) if edit.field else _ABSENT
        live = snapshot.get(edit.object.kind, edit.object.namespace, edit.object.name) if snapshot else None
        runs = (
            pointer.resolve(live, edit.field, None)
            if live is not None
            else told.get((edit.object, edit.field), _ABSENT)
        )
        if isinstance(written, str) and _FILLED_IN.search(written) and not _SHELL.search(edit.field):
            raise NeedsPerson(
                f"{spoken(edit.field)} of {edit.object} is {_short(edit.field, written)} in the repository: something else fills it in.",
                hint="Change the value where it is filled in: a pipeline, or whatever applies these files.",
                code="filled-in",
            )
        if written is _ABSENT or runs is _ABSENT or isinstance(written, dict | list):
            continue
        if isinstance(edit.value, Taken):
            # That the API server refused it is why the two differ.
            continue
        if edit.field == "/apiVersion":
            # The API server answers in the version that it is asked for.
            continue
        if not (alike(written, runs) or _hidden_alike(written, runs)):
            raise Drift(
                f"Drift: {spoken(edit.field)} of {edit.object} is {_short(edit.field, runs)} in the cluster and {_short(edit.field, written)} in "
                f"{located.unit}; a pull request would change nothing.{_written_by(analysis, edit.object)}",
                hint="Deploy what the repository says; where that was done, find out who changed the cluster by hand.",
            )


def _hidden_alike(written: object, told: object) -> bool:
    """Whether a value that the record holds only redacted or cut may be the written one: then nothing is known to differ."""
    if not isinstance(told, str) or not isinstance(written, str):
        return False
    hidden, shown = PLACEHOLDER.sub(OPENING, told), PLACEHOLDER.sub(OPENING, redactor().text(written))
    if hidden == OPENING:
        return True
    cut = hidden.endswith("…") and shown.startswith(hidden[:-1])
    return cut or (OPENING in hidden and hidden == shown)


def _written_by(analysis: Analysis, wanted: ObjectRef) -> str:
    """Who wrote the field, where the analysis found out."""
    said = (item for item in analysis.evidence if item.object == wanted and item.field.startswith(MANAGED))
    return next((f" {item.message}." for item in said), "")


def _short(field: str, value: object) -> str:
    text = repr(redactor().cited(field, value)) if value is not None else "nothing"
    return text if len(text) <= 80 else text[:77] + "…"
