"""Replaces secrets in text and data: by shape, and our own credentials in every form they may take.

A placeholder tells the kind of what stood there and carries four digits of a hash under a key that every run makes anew:
equal values stay recognisable within a run ("both use the same password"), and nothing leads back to the value.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote, quote_plus

from selfheal.redaction.formats import EMAIL, KNOWN, Format
from selfheal.redaction.names import kind_of, telling

#: How every placeholder begins.
OPENING = "[redacted"
PLACEHOLDER = re.compile(r"\[redacted(?::[a-z-]{1,20}-[0-9a-f]{4})?\]")
#: Made once in the process that the stages of a run are forked from, so they agree.
_KEY = secrets.token_bytes(32)
#: A credential shorter than this is not searched for: it would blank ordinary words.
_SHORTEST = 6
#: What one replacement uncovers the next pass sees; more than these never were needed.
_PASSES = 4
#: Texts remembered, and how long one may be for that: events and log lines are asked for over and over.
_REMEMBERED = 4_096
_SHORT = 1_000
_NOTHING = frozenset(("true", "false", "null", "none", "yes", "no"))


def placeholder(kind: str, value: str) -> str:
    """What stands in place of a secret. Equal for equal values and kinds in this run."""
    digest = hmac.new(_KEY, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"{OPENING}:{kind}-{digest[:4]}]"


def _forms(secret: str) -> set[str]:
    """The raw secret, and as base64 at any alignment, in hexadecimal, in a URL, in HTML and in JSON."""
    raw = secret.encode("utf-8", "surrogatepass")
    plain = secret.encode("utf-8", "replace").decode()
    found = {
        secret, raw.hex(), raw.hex().upper(), html.escape(secret), json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1], quote(plain, safe=""), quote(plain), quote_plus(plain),
        re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quote(plain, safe="")),
    }  # fmt: skip
    for shift in range(3):
        # Characters that depend on the neighbours are cut off at both ends.
        coded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        start = (0, 2, 3)[shift]
        stop = len(coded) - (1 if (len(raw) + shift) % 3 else 0)
        found |= {coded[start:stop], coded[start:stop].replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= _SHORTEST}


class Redactor:
    """Knows our own credentials. ``text`` and ``data`` never raise and never return one of them.

    With ``emails`` addresses of people are replaced as well.
    """

    def __init__(self, own: Iterable[str] = (), *, emails: bool = False) -> None:
        self._own: dict[str, str] = {}
        self._formats: tuple[Format, ...] = (*KNOWN, EMAIL) if emails else KNOWN
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._all_passes)
        self._longest_first: list[str] = []
        self.add(*own)

    def add(self, *own: str) -> None:
        """Learns further credentials of ours."""
        for secret in own:
            if len(secret) >= _SHORTEST:
                told = placeholder("credential", secret)
                self._own.update(dict.fromkeys(_forms(secret), told))
        self._longest_first = sorted(self._own, key=len, reverse=True)
        self._remembered.cache_clear()

    def hide_emails(self) -> None:
        """Replaces addresses of people from now on."""
        self._formats = (*KNOWN, EMAIL)
        self._remembered.cache_clear()

    def text(self, text: str) -> str:
        """``text`` with every secret replaced. Doing it twice changes nothing more."""
        return self._remembered(text) if len(text) <= _SHORT else self._all_passes(text)

    def data(self, value: Any) -> Any:
        """A JSON-able value with all its strings redacted, keys included. A field's name tells of its value, and so does
        ``name`` of the ``value`` beside it.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            beside = value.get("name")
            return {
                self.text(str(key)): self._field(str(beside) if key == "value" and beside else str(key), item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value

    def cited(self, field: str, value: Any) -> Any:
        """The value of one field that is shown alone: its JSON Pointer tells what it is, as its neighbours would."""
        parts = field.split("/")
        named = len(parts) > 1 and parts[-1] == "value" and parts[-2].startswith("name=")
        name = parts[-2].removeprefix("name=") if named else parts[-1]
        return self._field(name.replace("~1", "/").replace("~0", "~"), value)

    def _field(self, name: str, value: Any) -> Any:
        shown = self.data(value)
        if not isinstance(shown, str) or not shown or PLACEHOLDER.search(shown):
            return shown
        kind = telling(name)
        # A reference to a secret is none.
        if not kind or shown.startswith(("$(", "${", "{{")) or shown.casefold() in _NOTHING:
            return shown
        return placeholder(kind, shown)

    def _all_passes(self, text: str) -> str:
        for _ in range(_PASSES):
            before, text = text, self._once(text)
            if text == before:
                break
        return text

    def _once(self, text: str) -> str:
        for form in self._longest_first:
            if form in text:
                text = text.replace(form, self._own[form])
        low = text.lower()
        for item in self._formats:
            if any(hint in low for hint in item.hints):
                text = item.pattern.sub(partial(_replaced, item.kind), text)
        return text


def _replaced(kind: str, match: re.Match[str]) -> str:
    whole = match.group(0)
    for name in match.re.groupindex:
        start, end = match.span(name)
        value = match.group(name)
        if start < 0 or value.startswith(OPENING):
            continue
        offset = match.start()
        before, after = whole[: start - offset], whole[end - offset :]
        return f"{before}{placeholder(kind or kind_of(before or whole), value)}{after}"
    return whole


_process = Redactor()


def redactor() -> Redactor:
    """The redactor of this process."""
    return _process


def register(*secrets: str) -> None:
    """Tells the process's redactor credentials of ours."""
    _process.add(*secrets)
