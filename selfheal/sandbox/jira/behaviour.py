"""What can be switched about the emulated site: how strict, how late and how racy it is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

CONDITIONAL_WRITES = ("atomic", "window", "off")


@dataclass
class Behaviour:
    """Switches, settable at any time; the defaults make a patient, prompt site.

    An *operation* is one vendor request that was served; counting them instead of seconds keeps tests exact.
    """

    #: 20 writes in 2 s and 100 in 30 s to one issue, as Atlassian documents.
    per_issue_limit: bool = False
    #: 100 GET or POST and 50 PUT or DELETE a second per endpoint, as Atlassian documents.
    burst_limit: bool = False
    #: A ``jira-quota-…`` reason: every request is refused with it; "" for none.
    quota_reason: str = ""
    #: Search sees a write only so many seconds and so many operations later, and never its own request's.
    search_lag_seconds: float = 0.0
    search_lag_operations: int = 0
    #: The filter of a bulk property write holds at the write (``atomic``), was looked at when the task was filed
    #: (``window``: two tasks may both pass), or such writes are refused (``off``).
    conditional_writes: str = "atomic"
    #: A bulk task does its work this many operations after it was filed (0: at once).
    task_operations: int = 0
    #: A transition that was possible until so many seconds ago, before another one won, conflicts.
    transition_conflict_seconds: float = 0.0
    #: What the loser of a race is told: 409, or 400 on older sites.
    conflict_status: int = 409
    #: Whether the resolution is on the transition screens of Resolve and Cancel.
    resolution_on_screen: bool = False
    #: Tokens work only under ``/ex/jira/<cloudId>``, as scoped tokens do.
    gateway_only: bool = False
    #: How far the ``Date`` header is off the emulator's clock.
    date_offset_seconds: float = 0.0

    def change(self, switches: dict[str, Any]) -> None:
        """Set several switches; raises ValueError naming what is unknown or of the wrong kind."""
        known = {field.name: field for field in fields(self)}
        for name, value in switches.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; there are: {', '.join(sorted(known))}")
            wanted = type(known[name].default)
            accepted = (int, float) if wanted is float else (wanted,)
            if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
                raise ValueError(f"switch {name} takes a {wanted.__name__}, not {value!r}")
            if name == "conditional_writes" and value not in CONDITIONAL_WRITES:
                raise ValueError(f"conditional_writes is one of {', '.join(CONDITIONAL_WRITES)}")
        for name, value in switches.items():
            setattr(self, name, value)
