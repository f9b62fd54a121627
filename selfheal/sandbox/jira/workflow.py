"""The workflow of incidents: statuses, and the directed transitions between them.

``ITSM`` is the stock "ITSM: Incident Management" workflow of a service project. ``Closed`` has no way out and its
issues cannot be edited, as on the site it was read from.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Status:
    """``category``: Jira's key, ``new``, ``indeterminate`` or ``done``."""

    id: str
    name: str
    category: str
    editable: bool = True


@dataclass(frozen=True)
class Transition:
    """Valid only from ``sources`` (status names). ``screen``: the fields that may be set along with it."""

    id: str
    name: str
    sources: tuple[str, ...]
    target: str
    screen: frozenset[str] = frozenset({"labels", "comment", "assignee", "priority"})
    takes_resolution: bool = False


@dataclass(frozen=True)
class Workflow:
    """Statuses in order, the first is where issues start."""

    name: str
    statuses: tuple[Status, ...]
    transitions: tuple[Transition, ...] = field(default=())

    def status(self, id_or_name: str) -> Status | None:
        wanted = id_or_name.casefold()
        return next((one for one in self.statuses if wanted in (one.id, one.name.casefold())), None)

    def from_status(self, status: Status) -> list[Transition]:
        """The transitions possible now, in Jira's order of ids."""
        return [one for one in self.transitions if status.name in one.sources]


#: Category key -> (id, name, colour).
CATEGORIES = {
    "undefined": (1, "No Category", "medium-gray"),
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}

ITSM = Workflow(
    "ITSM: Incident Management",
    (
        Status("1", "Open", "new"),
        Status("10011", "Work in progress", "indeterminate"),
        Status("10012", "Pending", "indeterminate"),
        Status("10013", "Completed", "done"),
        Status("10014", "Canceled", "done"),
        Status("6", "Closed", "done", editable=False),
    ),
    (
        Transition("11", "Investigate", ("Open", "Pending"), "Work in progress"),
        Transition("21", "Pending", ("Open", "Work in progress"), "Pending"),
        Transition("31", "Resolve", ("Open", "Work in progress"), "Completed", takes_resolution=True),
        Transition(
            "41", "Cancel", ("Open", "Work in progress", "Pending"), "Canceled", takes_resolution=True
        ),
        Transition("51", "Close", ("Completed", "Canceled"), "Closed"),
    ),
)
