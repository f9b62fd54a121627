"""JSON Pointer (RFC 6901) with one addition: ``name=VALUE`` picks the list element whose ``name`` is VALUE.

Indices of containers or variables differ between a live object and its manifest; names do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_MISSING = object()


def escape(part: str) -> str:
    """One reference token, escaped for use in a pointer."""
    return part.replace("~", "~0").replace("/", "~1") if "~" in part or "/" in part else part


def join(*parts: str | int) -> str:
    """A pointer from raw (unescaped) parts."""
    return "".join([f"/{escape(part if type(part) is str else str(part))}" for part in parts])


def parts(pointer: str) -> tuple[str, ...]:
    """The unescaped tokens of ``pointer``; () for the whole document.

    Raises ValueError for a pointer that is neither "" nor starts with "/".
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is not a JSON Pointer: it must start with '/'.")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def step(value: Any, token: str, default: Any = None) -> Any:
    """The child of ``value`` that ``token`` names, ``default`` when there is none."""
    if isinstance(value, dict):
        return value.get(token, default)
    if isinstance(value, list):
        if token.startswith("name="):
            wanted = token.removeprefix("name=")
            found = [item for item in value if isinstance(item, dict) and item.get("name") == wanted]
            # Of several variables with one name the last counts, as for the kubelet.
            return found[-1] if found else default
        if token.isdecimal() and len(token) < 9 and int(token) < len(value):
            return value[int(token)]
    return default


def resolve(obj: Any, pointer: str | Iterable[str], default: Any = None) -> Any:
    """What ``pointer`` points at in ``obj``, ``default`` when it points at nothing."""
    for token in parts(pointer) if isinstance(pointer, str) else pointer:
        obj = step(obj, token, _MISSING)
        if obj is _MISSING:
            return default
    return obj


def exists(obj: Any, pointer: str) -> bool:
    """Whether ``pointer`` points at something, be it null."""
    return resolve(obj, pointer, _MISSING) is not _MISSING
