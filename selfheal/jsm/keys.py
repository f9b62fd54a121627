"""Issue keys and JQL: validated and quoted by us, because the library quotes neither.

An unchecked key such as ``INC-1/../../myself`` would reach another endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selfheal.errors import UsageProblem

_KEY = re.compile(r"[A-Z][A-Z0-9_]+-[0-9]+")


def checked(key: str) -> str:
    """``key`` itself. Raises UsageProblem unless it is the key of an issue, such as INC-42."""
    if not _KEY.fullmatch(key):
        shown = key[:60].encode("ascii", "backslashreplace").decode()
        raise UsageProblem(f"'{shown}' is no incident key.", hint="Keys look like INC-42.")
    return key


def project_of(key: str) -> str:
    """The project's key: INC of INC-42."""
    return key.rpartition("-")[0]


def quoted(value: str) -> str:
    """``value`` as a JQL string. Control characters cannot be part of any name and are dropped."""
    plain = "".join(char for char in value if char.isprintable())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_of(field: str, values: Iterable[str]) -> str:
    """``field in ("a", "b")``. ``field`` is a name of ours, never input."""
    return f"{field} in ({', '.join(quoted(value) for value in values)})"


def all_of(clauses: Iterable[str], order: str) -> str:
    """The clauses joined by AND, with an order; empty clauses are left out."""
    return " AND ".join(clause for clause in clauses if clause) + f" ORDER BY {order}"
