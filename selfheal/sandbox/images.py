"""How images behave, read from a scenario's YAML into the embedded kubelet's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selfheal.sandbox.kubernetes.behaviour import (
    Answer,
    Call,
    Crash,
    File,
    ImageBehaviour,
    Memory,
    Permission,
    Port,
    Variable,
)


def _each(kind: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda items: tuple(
        kind(**{name: _plain(value) for name, value in item.items()}) for item in items
    )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


#: Fields that are more than a plain value, and how each is read.
_READ: dict[str, Callable[[Any], Any]] = {
    "memory": lambda value: Memory(**value) if isinstance(value, Mapping) else value,
    "ports": _each(Port),
    "variables": _each(Variable),
    "files": _each(File),
    "calls": _each(Call),
    "permissions": _each(Permission),
    "paths": lambda value: {
        path: Answer(**{name: _plain(part) for name, part in answer.items()})
        if isinstance(answer, Mapping)
        else answer
        for path, answer in value.items()
    },
    "crash": lambda value: Crash(**{name: _plain(part) for name, part in value.items()}),
    "image_files": frozenset,
    "commands": frozenset,
    "variants": lambda value: {word: behaviour(item) for word, item in value.items()},
}


def behaviour(document: Mapping[str, Any]) -> ImageBehaviour:
    """One image's behaviour. Raises TypeError for a field that does not exist."""
    return ImageBehaviour(**{name: _READ.get(name, _plain)(value) for name, value in document.items()})
