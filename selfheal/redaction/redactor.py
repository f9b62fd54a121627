"""Replaces secrets in text and data: by shape, and our own credentials in every form they may take."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from selfheal.redaction.formats import FORMATS

PLACEHOLDER = "[redacted]"
#: A credential shorter than this is not searched for: it would blank ordinary words.
_SHORTEST = 6


def _forms(secret: str) -> set[str]:
    """The raw secret, and as base64 at any alignment, in a URL, and in JSON."""
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    for shift in range(3):
        # Characters that depend on the neighbours are cut off at both ends.
        coded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        start = (0, 2, 3)[shift]
        stop = len(coded) - (1 if (len(raw) + shift) % 3 else 0)
        found |= {coded[start:stop], coded[start:stop].replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= _SHORTEST}


class Redactor:
    """Knows our own credentials. ``text`` and ``data`` never raise and never return one of them."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own: set[str] = set()
        self.add(*own)

    def add(self, *secrets: str) -> None:
        """Learns further credentials of ours."""
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                self._own |= _forms(secret)
        self._longest_first = sorted(self._own, key=len, reverse=True)

    def text(self, text: str) -> str:
        """``text`` with every secret replaced. Doing it twice changes nothing more."""
        for form in self._longest_first:
            text = text.replace(form, PLACEHOLDER)
        for pattern in FORMATS:
            text = pattern.sub(_replaced, text)
        return text

    def data(self, value: Any) -> Any:
        """A JSON-able value with all its strings redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value


def _replaced(match: Any) -> str:
    whole: str = match.group(0)
    for name, start, end in ((n, *match.span(n)) for n in match.re.groupindex):
        if start >= 0 and match.group(name) != PLACEHOLDER:
            offset = match.start()
            return whole[: start - offset] + PLACEHOLDER + whole[end - offset :]
    return whole


_process = Redactor()


def redactor() -> Redactor:
    """The redactor of this process."""
    return _process


def register(*secrets: str) -> None:
    """Tells the process's redactor credentials of ours."""
    _process.add(*secrets)
