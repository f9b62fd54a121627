"""Asks an API server whether it would take an object, without it being stored (``dryRun=All``).

Kubernetes authorises a dry run like the write that it stands for, so this needs an account of its own; the one that
looks into the cluster may not even ask. Every request that is made here carries ``dryRun=All``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from kubernetes.client.exceptions import ApiException
from typing_extensions import override

from selfheal.cluster.kinds import BY_KIND
from selfheal.cluster.live import LiveCluster
from selfheal.cluster.snapshot import Object, ref_of
from selfheal.errors import Refused, SelfhealError

FIELD_MANAGER = "selfheal-dry-run"
_QUERY = (("dryRun", "All"), ("fieldManager", FIELD_MANAGER), ("force", "true"))
#: What the server says of the object itself; 403 also comes from quotas and admission.
_ABOUT_THE_OBJECT = (400, 403, 409, 413, 422)
_MESSAGE = 300


class NotTaken(Refused):
    """The API server would not take the object."""

    code = "not-taken"


class DryRun(LiveCluster):
    """An account that only ever asks. Raises as LiveCluster does."""

    def asks(self, obj: Object) -> bool:
        """Whether the server would take the object as it is given (server-side apply), admission included.

        False for kinds that are not known here. Raises NotTaken with what the server has against it.
        """
        ref, entry = ref_of(obj), BY_KIND.get(str(obj.get("kind")))
        api = str(obj.get("apiVersion", ""))
        if entry is None or not ref.name:
            return False
        root = f"/apis/{_quoted(api)}" if "/" in api else f"/api/{_quoted(api)}"
        place = f"/namespaces/{_quoted(ref.namespace)}" if entry.namespaced else ""
        self._raw(
            f"{root}{place}/{entry.resource}/{_quoted(ref.name)}",
            method="PATCH",
            query=_QUERY,
            body=obj,
            content="application/apply-patch+yaml",
        )
        return True

    @override
    def _mapped(self, error: ApiException, path: str) -> SelfhealError:
        if error.status in _ABOUT_THE_OBJECT:
            return NotTaken(_message(error), hint="Mend the object, or what the server has against it.")
        return super()._mapped(error, path)


def _quoted(part: str) -> str:
    """A part of a path; the one slash of a group and its version stays."""
    return "/".join(quote(item, safe="") for item in part.split("/")[:2])


def _message(error: ApiException) -> str:
    try:
        told: Any = json.loads(error.body or "{}")
    except ValueError:
        told = {}
    text = told.get("message") if isinstance(told, dict) else None
    return str(text or f"The API server answers {error.status}.")[:_MESSAGE]
