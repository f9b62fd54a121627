"""How fields and numbers are told to people. Pure."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
#: A pointer within a sentence. Others than these roots could be paths of files.
_WITHIN = re.compile(r"(?<![\w/.~])/(?:spec|metadata|status)(?:/[\w.~=-]*[\w~=-])+")
#: Characters of a value by which a message is seen to repeat it.
_REPEATED = 60


def counted(number: int, what: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def spoken(field: str) -> str:
    """A JSON Pointer as people write a path, ``spec.template.spec.containers[app].image``; anything else as it is.

    A list's element is named by its name or position in brackets, a key that is no plain word in quotes.
    """
    if not field.startswith("/"):
        return field
    told = ""
    for part in field[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if key.startswith("name="):
            told += f"[{key.removeprefix('name=')}]"
        elif key.isdecimal():
            told += f"[{key}]"
        elif _PLAIN.fullmatch(key):
            told += f".{key}" if told else key
        else:
            told += f'["{key}"]'
    return told


def sentence(text: str) -> str:
    """A sentence with the fields in it as people write them."""
    return _WITHIN.sub(lambda found: spoken(found.group(0)), text)


def repeats(message: str, value: object) -> bool:
    """Whether a piece of evidence says its value in its message already."""
    return isinstance(value, str) and bool(value) and value[:_REPEATED] in message
