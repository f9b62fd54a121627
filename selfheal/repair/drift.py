"""What stands in the repository against what runs: a field that differs, or that something else fills in, is not mended here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfheal.cluster import pointer
from selfheal.cluster.snapshot import Snapshot
from selfheal.errors import NeedsPerson
from selfheal.faults.interface import FieldEdit
from selfheal.incidents.record import Analysis
from selfheal.repair.locate import Located
from selfheal.repair.objects import alike

_ABSENT = object()
#: What envsubst and its like fill in, and the fields in which a shell may do so at run time instead.
_PLACEHOLDER = re.compile(r"\$\{\w+(?::?[-=?+][^}]*)?\}|\{\{.*?\}\}|__[A-Z][A-Z_]*__")
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
        if isinstance(written, str) and _PLACEHOLDER.search(written) and not _SHELL.search(edit.field):
            raise NeedsPerson(
                f"{edit.field} of {edit.object} is {_short(written)} in the repository: something else fills it in.",
                hint="Change the value where it is filled in: a pipeline, or whatever applies these files.",
                code="filled-in",
            )
        if written is _ABSENT or runs is _ABSENT or isinstance(written, dict | list):
            continue
        if edit.field == "/apiVersion":
            # The API server answers in the version that it is asked for.
            continue
        if not alike(written, runs):
            raise Drift(
                f"{edit.object} runs with {edit.field} = {_short(runs)}, but {located.unit} says {_short(written)}.",
                hint="Deploy what the repository says; where that was done, find out who changed the cluster by hand.",
            )


def _short(value: object) -> str:
    text = repr(value) if value is not None else "nothing"
    return text if len(text) <= 80 else text[:77] + "…"
