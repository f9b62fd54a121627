"""One wrapper around a provider's model: budget, time limits, retries, redaction, counting.

CrewAI makes calls of its own without a task or tools (a forced last answer, a conversion); their answers would count
as success, so they are refused here. A vendor's error text never leaves: some of its words switch CrewAI to tools as
text, others make it retry.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from pydantic import PrivateAttr

from selfheal.config import Settings
from selfheal.models.budget import Budget, ModelFailed, tokens
from selfheal.models.library import LLM, BaseLLM, HookAborted
from selfheal.redaction import redactor

#: Tries of one call when the provider is busy or unreachable, and seconds before the second and third.
TRIES = 3
PAUSES = (1.0, 4.0)
#: Characters of one message that are sent.
MESSAGE = 16_000
_BUSY = ("rate-limited", "unreachable")


class ProviderModel(BaseLLM):  # type: ignore[misc]  # CrewAI is not followed by the type checker
    """A model of a provider, on a short lead."""

    _inner: Any = PrivateAttr()
    _budget: Budget = PrivateAttr()
    _window: int = PrivateAttr()
    _timeout: float = PrivateAttr()
    _failure: ModelFailed | None = PrivateAttr(default=None)

    def __init__(self, name: str, inner: Any, budget: Budget, *, window: int, timeout: float) -> None:
        super().__init__(model=name, provider="selfheal")
        self._inner, self._budget, self._window, self._timeout = inner, budget, window, timeout

    @property
    def failure(self) -> ModelFailed | None:
        """Why it cannot be used any more."""
        return self._failure

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
        """The model's answer. Ends the run with HookAborted, which CrewAI neither retries nor swallows."""
        problem: ModelFailed | None = None
        answer: Any = None
        try:
            if self._failure is not None:
                raise self._failure
            answer = self._answer(messages, tools, from_task, from_agent)
        except ModelFailed as error:
            problem = error
        # Raised outside the handler: the library looks through an error's whole chain for words to retry on.
        if problem is not None:
            self._failure = problem
            raise HookAborted(problem.message, source="selfheal")
        return answer

    def _answer(self, messages: Any, tools: Any, from_task: Any, from_agent: Any) -> Any:
        if from_task is None or not tools:
            raise ModelFailed(
                "The agent found no end, and a forced answer without tools is not accepted.", reason="forced"
            )
        safe = _redacted(messages)
        for attempt in range(TRIES):
            sent = self._budget.admit(safe, tools)
            before = self._usage()
            try:
                answer = self._in_time(
                    lambda: self._inner.call(safe, tools=tools, from_task=from_task, from_agent=from_agent)
                )
            except ModelFailed as error:
                self._budget.spent(sent, 0)
                if error.reason not in _BUSY or attempt + 1 == TRIES:
                    raise
                self._budget.clock.sleep(min(PAUSES[attempt], self._budget.left()))
                continue
            self._count(before, sent, answer)
            if answer is None or answer in ("", []):
                raise ModelFailed(f"The model {self.model} answered nothing.", reason="empty")
            return answer
        raise AssertionError("the loop returns or raises")

    def _in_time(self, call: Callable[[], Any]) -> Any:
        """The vendor's client has a time limit for each read; this one is for the whole call."""
        limit = limit_of(self._timeout, self._budget)
        outcome: list[Any] = []

        def target() -> None:
            try:
                outcome.append(("answer", call()))
            except BaseException as error:  # noqa: BLE001 - judged by the waiting thread
                outcome.append(("error", error))

        # The context goes along: in it stands that the retries are ours, not the library's.
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(target,), daemon=True, name="model-call")
        thread.start()
        thread.join(limit)
        if not outcome:
            raise ModelFailed(
                f"The model {self.model} did not answer within {limit:.0f} s.", reason="timeout"
            )
        kind, value = outcome[0]
        if kind == "error":
            raise failure_of(self.model, value) from None
        return value

    def _usage(self) -> tuple[int, int]:
        usage = self._inner.get_token_usage_summary()
        return int(usage.prompt_tokens), int(usage.completion_tokens)

    def _count(self, before: tuple[int, int], estimate: int, answer: Any) -> None:
        after = self._usage()
        sent, received = after[0] - before[0], after[1] - before[1]
        # A server that reports no usage is counted by estimate.
        self._budget.spent(sent or estimate, received or tokens(answer))

    def supports_function_calling(self) -> bool:
        """Tools as text are never used."""
        return True

    def get_context_window_size(self) -> int:
        """The configured window."""
        return self._window

    def get_input_tokens_count(self, messages: Any, tools: Any = None, response_model: Any = None) -> int:
        """An estimate: asking the provider would be a call of its own."""
        return tokens(messages) + tokens(tools)


def limit_of(timeout: float, budget: Budget) -> float:
    """Seconds one call may take."""
    return min(timeout, budget.left())


def provider_model(settings: Settings, name: str, budget: Budget) -> ProviderModel:
    """The configured model behind the wrapper. Raises ModelFailed when it cannot be built at all."""
    rules, endpoints = settings.model, settings.endpoints
    problem = ""
    try:
        inner = LLM(
            model=name,
            base_url=endpoints.model_url or None,
            api_key=endpoints.model_key.get_secret_value() or None,
            timeout=float(rules.timeout),
            max_retries=0,
        )
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the stage goes on with builtin
        problem = type(error).__name__
    if problem:
        raise ModelFailed(
            f"The model {name} cannot be used ({problem}): its name, key or extra package is wrong.",
            reason="refused",
        )
    return ProviderModel(name, inner, budget, window=rules.context_window, timeout=float(rules.timeout))


def failure_of(name: str, error: BaseException) -> ModelFailed:
    """A vendor's error in our own words; its text stays behind."""
    seen: BaseException | None = error
    status = 0
    names: list[str] = []
    while seen is not None and len(names) < 6:
        names.append(type(seen).__name__.lower())
        found = getattr(seen, "status_code", None)
        status = found if isinstance(found, int) and not status else status
        seen = seen.__cause__ or seen.__context__
    kinds = " ".join(names)
    if status == 429 or "ratelimit" in kinds:
        return ModelFailed(f"The provider of {name} is busy (429).", reason="rate-limited")
    if status in (401, 403) or "authentication" in kinds or "permission" in kinds:
        return ModelFailed(f"The provider of {name} refuses our key.", reason="credentials")
    if "timeout" in kinds:
        return ModelFailed(f"The model {name} did not answer in time.", reason="timeout")
    if status >= 500 or "connection" in kinds:
        text = f" ({status})" if status else ""
        return ModelFailed(f"The provider of {name} is not reachable{text}.", reason="unreachable")
    text = f" ({status})" if status else ""
    return ModelFailed(f"The provider of {name} refused the request{text}.", reason="refused")


def _redacted(messages: Any) -> Any:
    """Every text that leaves, redacted and bounded. Tools' answers are so already; prompts and echoes pass here."""
    clean = redactor()
    if isinstance(messages, str):
        return clean.text(messages)[:MESSAGE]
    safe = []
    for message in messages:
        changed = dict(message)
        if isinstance(changed.get("content"), str):
            changed["content"] = clean.text(changed["content"])[:MESSAGE]
        if changed.get("tool_calls"):
            changed["tool_calls"] = clean.data(changed["tool_calls"])
        safe.append(changed)
    return safe
