"""Who may talk to the API server: bearer tokens, the users behind them, and what these may do."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from selfheal.sandbox.kubernetes.registry import EVENTS_GROUP, RESOURCES

READS = frozenset({"get", "list", "watch"})
#: verb, API group, resource (with subresource), namespace ("" for all) -> allowed.
Rule = Callable[[str, str, str, str], bool]

_READABLE = {(resource.group, resource.plural) for resource in RESOURCES if resource.kind != "Secret"} | {
    ("", "pods/log"), (EVENTS_GROUP, "events"),
}  # fmt: skip


def read_everything_but_secrets(verb: str, group: str, resource: str, _namespace: str) -> bool:
    """The rights selfheal asks for."""
    return verb in READS and (group, resource) in _READABLE


def anything(_verb: str, _group: str, _resource: str, _namespace: str) -> bool:
    """The rights of ``system:masters``."""
    return True


@dataclass(frozen=True)
class Account:
    """One user. The token is made for this process and means nothing elsewhere."""

    user: str
    may: Rule
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


READER, ADMIN = "reader", "admin"


def standard_accounts() -> dict[str, Account]:
    """``reader``, as which selfheal works, and ``admin``."""
    return {
        READER: Account("system:serviceaccount:selfheal:reader", read_everything_but_secrets),
        ADMIN: Account("kubernetes-admin", anything),
    }
