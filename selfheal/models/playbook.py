"""Playbooks: what an agent does without a provider's model, as generators that are replayed at each call.

A playbook yields the next tool call, is sent the tool's answer, and returns the result. CrewAI starts a new
conversation when a guardrail refuses an answer, so nothing may live between calls: the generator is made anew from the
conversation every time and fed what was answered so far.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from selfheal.models.conversation import Conversation, ToolCall

Facts = Mapping[str, Any]
Answer = Mapping[str, Any]
#: What the agent answers in the end: the fields of `agents.result.AgentAnswer`.
Result = dict[str, Any]
Steps = Generator[ToolCall, Answer, Result]
Playbook = Callable[[Facts], Steps]


class Strayed(ValueError):
    """The conversation holds a call that the playbook would not have made."""


def following(playbook: Playbook, conversation: Conversation) -> ToolCall | Result:
    """The next call, or the result. Raises Strayed for a conversation that is not this playbook's."""
    steps = playbook(conversation.facts)
    try:
        call = next(steps)
        for exchange in conversation.exchanges:
            if exchange.call.name != call.name or dict(exchange.call.arguments) != dict(call.arguments):
                raise Strayed(f"{exchange.call.name} was called where {call.name} comes next.")
            call = steps.send(exchange.answer)
    except StopIteration as end:
        result: Result = end.value
        return result
    return call


def call(name: str, **arguments: Any) -> ToolCall:
    """A tool call."""
    return ToolCall(name, arguments)


def ended(summary: str) -> Result:
    """The agent did what it was asked to."""
    return {"summary": summary[:500], "done": True}


def stuck(answer: Answer) -> Result:
    """A tool refused: the agent stops there, and the stage decides what that means for the incident."""
    error = answer.get("error")
    message = str(error.get("message", "")) if isinstance(error, Mapping) else ""
    return {"summary": (message or "A tool gave no answer.")[:500], "done": False}
