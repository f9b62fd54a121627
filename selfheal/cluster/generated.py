"""Names of ConfigMaps and Secrets that a generator makes out of a name and a hash of the content (Kustomize)."""

from __future__ import annotations

import re

_HASHED = re.compile(r"^(?P<base>.+)-[a-z0-9]{10}$")


def generated_name(name: str) -> str:
    """The name without the hash that a generator appends, "" where there is none."""
    match = _HASHED.match(name)
    return match["base"] if match is not None else ""
