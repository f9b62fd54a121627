"""A conversation as CrewAI hands it to a model, read back into calls and their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The line of a task's text that carries the facts a playbook starts from.
FACTS = "Facts: "


@dataclass(frozen=True)
class ToolCall:
    """A tool by name, with its arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Exchange:
    """A call and what the tool answered (the JSON object; an error in its shape when it was not JSON)."""

    call: ToolCall
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Conversation:
    """What was said so far: the facts of the task, then each call with its answer."""

    facts: Mapping[str, Any]
    exchanges: tuple[Exchange, ...]


def read(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """The conversation in ``messages``. Raises ValueError when no message carries facts."""
    facts: Mapping[str, Any] | None = None
    exchanges: list[Exchange] = []
    asked: dict[str, ToolCall] = {}
    for message in messages:
        role = message.get("role")
        if role in ("user", "system") and facts is None:
            facts = _facts(str(message.get("content") or ""))
        elif role == "assistant":
            for item in message.get("tool_calls") or ():
                function = item["function"]
                asked[str(item["id"])] = ToolCall(str(function["name"]), json.loads(function["arguments"]))
        elif role == "tool":
            call = asked.get(str(message.get("tool_call_id")))
            if call is not None:
                exchanges.append(Exchange(call, _answer(str(message.get("content") or ""))))
    if facts is None:
        raise ValueError("No message carries the facts of the task.")
    return Conversation(facts, tuple(exchanges))


def _facts(text: str) -> Mapping[str, Any] | None:
    for line in text.splitlines():
        if line.startswith(FACTS):
            found = json.loads(line.removeprefix(FACTS))
            return found if isinstance(found, dict) else None
    return None


def _answer(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    return {"ok": False, "error": {"code": "tool-unreadable", "message": text[:300], "hint": ""}}
