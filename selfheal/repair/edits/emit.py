"""Values as YAML or JSON text that reads back as exactly that value, in every YAML version."""

from __future__ import annotations

import json
import re
from typing import Any

from selfheal.repair.edits.nodes import typed

_PLAIN = re.compile(r"^(?:[A-Za-z0-9_./(\\$^+*]|-{1,2}(?=[A-Za-z]))[A-Za-z0-9_./:@%+=~^$()*?\\,;!<> -]*$")
#: Texts that some version of YAML takes for something else: booleans, null, base 60, dates, the merge key.
_SPECIAL = re.compile(
    r"^(?:y|n|yes|no|on|off|true|false|null|none|~|=|<<|[-+]?\.(?:inf|nan)|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+"
    r"(?:\.[0-9_]*)?|\d{4}-\d\d?-\d\d?.*|0o?[0-7]+|0x[0-9a-f]+|0b[01]+|[-+]?[0-9][0-9_,]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?)$",
    re.IGNORECASE,
)


def plain_safe(text: str, *, flow: bool) -> bool:
    """Whether a text may stand without quotes and stay the same text."""
    if not _PLAIN.match(text) or _SPECIAL.match(text) or not isinstance(typed(text), str):
        return False
    if ": " in text or " #" in text or text.endswith((":", " ")) or text[0] in "*\\":
        return False
    return not (flow and re.search(r"[,\[\]{}:?]", text) and not re.match(r"^[\w./-]+(?::[\w./-]+)+$", text))


def scalar(value: Any, *, style: str = "", flow: bool = False, strict_json: bool = False) -> str:
    """One line for a scalar; ``style`` is the quoting that stood there before."""
    if not isinstance(value, str):
        return json.dumps(value)
    if strict_json or style == '"':
        return _double(value)
    if style == "'" and _printable(value) and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    return value if plain_safe(value, flow=flow) else _double(value)


def _printable(text: str) -> bool:
    return all(char == "\t" or (char.isprintable() and ord(char) >= 32) for char in text)


def _double(text: str) -> str:
    # JSON's escapes are YAML's; characters that YAML does not allow raw are escaped as well.
    return json.dumps(text, ensure_ascii=not _printable(text.replace("\n", "")))


def inline(value: Any, *, strict_json: bool = False) -> str:
    """A value in flow style, on one line."""
    if isinstance(value, dict):
        pairs = (
            f"{scalar(str(key), flow=True, strict_json=strict_json)}: {inline(item, strict_json=strict_json)}"
            for key, item in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item, strict_json=strict_json) for item in value) + "]"
    return scalar(value, flow=True, strict_json=strict_json)


def block(value: Any, indent: int, newline: str, step: int = 2) -> str:
    """A value in block style whose lines after the first start at ``indent``; the first one has no indentation."""
    pad = newline + " " * indent
    if isinstance(value, dict) and value:
        return pad.join(
            f"{scalar(str(key))}:{after_colon(item, indent, newline, step)}" for key, item in value.items()
        )
    if isinstance(value, list) and value:
        return pad.join("- " + block(item, indent + 2, newline, step) for item in value)
    return inline(value) if isinstance(value, dict | list) else scalar(value)


def after_colon(value: Any, indent: int, newline: str, step: int = 2) -> str:
    """What follows ``key:`` when the key stands at column ``indent``."""
    if isinstance(value, dict | list) and value and not _short(value):
        inner = indent + step
        return newline + " " * inner + block(value, inner, newline, step)
    if isinstance(value, str):
        literal = literal_block(value, indent + step, newline)
        if literal:
            return " " + literal
    return " " + (inline(value) if isinstance(value, dict | list) else scalar(value))


def _short(value: Any) -> bool:
    """Lists of a few plain values read best on one line."""
    return (
        isinstance(value, list)
        and not any(isinstance(item, dict | list) for item in value)
        and len(inline(value)) <= 60
    )


def literal_block(text: str, indent: int, newline: str) -> str:
    """A literal block scalar, "" where the text cannot be one."""
    body = text.rstrip("\n")
    if "\n" not in text or not body or body[0] in " \t\n" or not _printable(body.replace("\n", "")):
        return ""
    if any(line != line.rstrip() for line in body.split("\n")) or "\r" in text:
        return ""
    endings = len(text) - len(body)
    if endings > 1:
        return ""
    lines = (" " * indent + line if line else "" for line in body.split("\n"))
    return ("|" if endings else "|-") + newline + newline.join(lines)
