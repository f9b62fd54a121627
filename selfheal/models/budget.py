"""What one stage may spend on a provider's model: calls, tokens, money, time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from selfheal.clock import Clock
from selfheal.config.model import Model
from selfheal.errors import SelfhealError

#: Characters a token stands for, on the careful side.
_CHARACTERS = 3.5


class ModelFailed(SelfhealError):
    """The provider's model cannot be used (any more) in this stage. The stage starts again with ``builtin``.

    ``reason`` is a word: budget, forced, timeout, unreachable, rate-limited, credentials, refused, empty.
    """

    code = "model-failed"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, hint="The built-in playbook goes on from the record.")
        self.reason = reason


@dataclass
class Budget:
    """Counts, and refuses what would go beyond. ``deadline`` is on the monotonic clock, in seconds."""

    rules: Model
    clock: Clock
    deadline: float
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def usd(self) -> float:
        """What was spent so far, by the configured prices."""
        rules = self.rules
        return (
            self.input_tokens * rules.usd_per_million_input
            + self.output_tokens * rules.usd_per_million_output
        ) / 1_000_000

    def admit(self, messages: Any, tools: Any) -> int:
        """Lets a call begin; answers the tokens it is estimated to send. Raises ModelFailed beyond the budget."""
        estimate = tokens(messages) + tokens(tools)
        rules = self.rules
        over = ""
        if self.calls >= rules.calls:
            over = f"{rules.calls} calls"
        elif self.input_tokens + estimate > rules.input_tokens:
            over = f"{rules.input_tokens} input tokens"
        elif self.output_tokens >= rules.output_tokens:
            over = f"{rules.output_tokens} output tokens"
        elif self.usd() + estimate * rules.usd_per_million_input / 1_000_000 > rules.usd:
            over = f"{rules.usd} US dollars"
        elif self.clock.monotonic() >= self.deadline:
            over = "the time of this stage"
        if over:
            raise ModelFailed(f"The model's budget is used up: {over}.", reason="budget")
        self.calls += 1
        return estimate

    def spent(self, sent: int, received: int) -> None:
        """Counts what a call used."""
        self.input_tokens += sent
        self.output_tokens += received

    def left(self) -> float:
        """Seconds until the deadline, at least one."""
        return max(1.0, self.deadline - self.clock.monotonic())


def tokens(value: Any) -> int:
    """An estimate for text or JSON-able data."""
    if not value:
        return 0
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return int(len(text) / _CHARACTERS) + 1
