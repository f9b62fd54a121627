"""How our branches, commits and marks are called."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Literal

from selfheal.errors import Refused

PREFIX = "selfheal/"
_KEY = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,63}-\d{1,12}$")
_HIDDEN = re.compile(r"<!-- selfheal:data:v1 ([A-Za-z0-9_-]{0,8192}) -->")
_NAME = re.compile(r"^[a-z0-9][a-z0-9.-]{0,63}$")

Role = Literal["fix", "revert"]


def branch(key: str, attempt: int, role: Role = "fix") -> str:
    """``selfheal/<incident key, lower case>-<attempt>``, with ``-revert`` for the way back.

    Raises Refused for what is no incident key: it would become part of a ref.
    """
    if not _KEY.match(key):
        raise Refused(f"{key[:80]!r} is no incident key.", code="bad-key")
    return f"{PREFIX}{key.lower()}-{attempt}" + ("-revert" if role == "revert" else "")


def hide(data: dict[str, Any]) -> str:
    """``data`` as an HTML comment that nobody sees and nothing in it can end."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return f"<!-- selfheal:data:v1 {base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')} -->"


def hidden(body: str) -> dict[str, Any]:
    """What was hidden in a body, {} for anything else. It is a hint: whoever may edit the text may edit it.

    Ours stands last; what looks like it further up is quoted.
    """
    marks: list[str] = _HIDDEN.findall(body or "")
    if not marks:
        return {}
    coded = marks[-1]
    try:
        found = json.loads(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def mark(name: str) -> str:
    """The mark of a comment. Raises Refused for a name that could end it."""
    if not _NAME.match(name):
        raise Refused(f"{name[:80]!r} is no name for a comment.", code="bad-name")
    return f"<!-- selfheal:comment:{name} -->"
