"""The secret pieces of a kubeconfig, so that each is blanked in logs by itself.

The runner masks a secret as it was stored. What a client library prints of a kubeconfig is a piece of it: a token, a
decoded key. Values are found by their name, wherever they stand in the document.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

_SECRET = frozenset(
    {"token", "password", "client-key-data", "client-certificate-data", "certificate-authority-data", "id-token", "refresh-token",
     "access-token", "client-secret"}
)  # fmt: skip
#: Lines of PEM that are the same in every certificate.
_PEM = "-----"


def pieces(document: Any) -> list[str]:
    """Every value to mask: as it is written and, where it is base64, decoded and line by line."""
    found: dict[str, None] = {}
    for value in _values(document):
        for form in (value, *_decoded(value)):
            for line in form.splitlines():
                if line.strip() and not line.startswith(_PEM):
                    found[line.strip()] = None
    return list(found)


def _values(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "exec" and isinstance(value, dict):
                # Refused later, but what its program would be told is as secret until then.
                yield from _told(value.get("env"))
            if isinstance(value, str) and str(name).lower() in _SECRET:
                yield value
            else:
                yield from _values(value)
    elif isinstance(document, list):
        for item in document:
            yield from _values(item)


def _told(variables: Any) -> Iterator[str]:
    for item in variables if isinstance(variables, list) else ():
        if isinstance(item, dict) and isinstance(item.get("value"), str):
            yield item["value"]


def _decoded(value: str) -> Iterator[str]:
    try:
        yield base64.b64decode("".join(value.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return
