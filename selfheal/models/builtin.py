"""``builtin``: a model that follows a playbook. It drives the very same agents and tools as a provider's model."""

from __future__ import annotations

import json
from typing import Any

from pydantic import PrivateAttr

from selfheal.models.conversation import ToolCall, read
from selfheal.models.library import BaseLLM
from selfheal.models.playbook import Playbook, following

NAME = "builtin"


class BuiltinModel(BaseLLM):  # type: ignore[misc]  # CrewAI is not followed by the type checker
    """Costs nothing and answers the same conversation always in the same way."""

    _playbook: Playbook = PrivateAttr()
    _calls: int = PrivateAttr(default=0)

    def __init__(self, playbook: Playbook) -> None:
        super().__init__(model=NAME, provider="selfheal")
        self._playbook = playbook

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return self._calls

    def call(
        self,
        messages: Any,
        tools: Any = None,
        callbacks: Any = None,
        available_functions: Any = None,
        from_task: Any = None,
        from_agent: Any = None,
        response_model: Any = None,
    ) -> Any:
        """The next tool call in the shape of the chat completions API, or the result as JSON."""
        self._calls += 1
        conversation = read(messages)
        step = following(self._playbook, conversation)
        if isinstance(step, ToolCall):
            arguments = json.dumps(dict(step.arguments), sort_keys=True)
            function = {"name": step.name, "arguments": arguments}
            return [
                {"id": f"call-{len(conversation.exchanges) + 1}", "type": "function", "function": function}
            ]
        return json.dumps(step, sort_keys=True)

    def supports_function_calling(self) -> bool:
        """Without this, CrewAI would fall back on tools as text, where a made-up observation is believed."""
        return True

    def get_context_window_size(self) -> int:
        """Wide enough that nothing is ever compacted."""
        return 1_000_000
