"""The server-side dry run: whether the API server would take the changed objects. Opt-in, with an account of its own.

It is the gate that asks: no model reads anything there, and its verdict is part of what is signed. What the server
answers is text, nothing more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from selfheal.config import Settings
from selfheal.errors import Outage, SelfhealError
from selfheal.incidents.record import ObjectRef, PolicyVerdict
from selfheal.redaction import redactor
from selfheal.repair.objects import Object

if TYPE_CHECKING:
    from selfheal.cluster.dryrun import DryRun

RULE = "server-dry-run"


def verdict(
    changed: Mapping[ObjectRef, Object],
    recreated: Collection[ObjectRef],
    settings: Settings,
    server: DryRun | None = None,
) -> PolicyVerdict:
    """Passed when the server takes every changed object. Raises Outage: then it is asked again another time.

    Those that have to be made anew, ``recreated``, are not asked for: the server takes no such change of the living one.
    """
    asked, left = 0, 0
    try:
        server = server or _server(settings)
        for key, obj in sorted(changed.items(), key=lambda pair: str(pair[0])):
            meta = {**obj["metadata"], **({"namespace": key.namespace} if key.namespace else {})}
            taken = key not in recreated and server.asks({**obj, "metadata": meta})
            asked, left = (asked + 1, left) if taken else (asked, left + 1)
    except Outage:
        raise
    except SelfhealError as error:
        return PolicyVerdict(rule=RULE, passed=False, detail=redactor().text(error.message)[:400])
    told = f"{asked} taken" + (f", {left} not asked for" if left else "")
    return PolicyVerdict(rule=RULE, passed=True, detail=told)


def _server(settings: Settings) -> DryRun:
    from selfheal.cluster.dryrun import DryRun
    from selfheal.errors import ConfigurationProblem

    if not settings.endpoints.dry_run_kubeconfig:
        raise ConfigurationProblem(
            "policy.server_dry_run is set, but SELFHEAL_DRY_RUN_KUBECONFIG names no account to ask with.",
            hint="Give the gate a kubeconfig of an account for dry runs.",
        )
    return DryRun(settings.endpoints.dry_run_kubeconfig)
