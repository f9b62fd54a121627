"""Labels as a projection of the record, so that JQL finds what it cannot look up in a property, and people's commands.

We write the mark and one label for the state; `STOP` and `RETRY` belong to people.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from selfheal.incidents.states import State

MARK: Final = "selfheal"
STOP: Final = "selfheal-stop"
RETRY: Final = "selfheal-retry"
#: On an incident whose record cannot be read, once people were told.
INVALID: Final = "selfheal-record-invalid"


def of(state: State) -> str:
    """The label of a state: ``selfheal-pr-created``."""
    return "selfheal-" + state.value.lower().replace("_", "-")


#: Every label that stands for a state.
ALL: Final = frozenset(of(state) for state in State)


def difference(present: Collection[str], state: State, *, drop: Collection[str] = ()) -> dict[str, list[str]]:
    """What to add and remove so that ``present`` shows ``state``; empty when it does. ``drop`` goes as well."""
    wanted = {MARK, of(state)}
    surplus = (ALL - wanted) | set(drop) | {INVALID}
    change = {
        "add": [name for name in sorted(wanted) if name not in present],
        "remove": [name for name in sorted(surplus) if name in present],
    }
    return {verb: names for verb, names in change.items() if names}
