"""The base of all tools: bound to one incident, one at a time, within a time limit, answering JSON whatever happens."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, PrivateAttr

from selfheal import progress
from selfheal.errors import ConfigurationProblem, Conflict, CredentialProblem, Outage, Refused, SelfhealError
from selfheal.incidents.errors import IncidentError
from selfheal.models.library import BaseTool
from selfheal.redaction import fence, redactor
from selfheal.tools.context import StageContext

LOGGER = logging.getLogger(__name__)
#: Characters of one answer. A quarter of the smallest sensible context window, so that nothing is compacted.
LIMIT = 12_000


class Arguments(BaseModel):
    """Arguments of a tool: what is not named in the schema is refused."""

    model_config = ConfigDict(extra="forbid")


class BoundArguments(Arguments):
    """Arguments of a tool that acts on the incident."""

    incident_key: str


class StageTool(BaseTool):  # type: ignore[misc]  # CrewAI is not followed by the type checker
    """One tool of a stage. Subclasses implement :meth:`work` and answer plain facts.

    ``essential`` tools stop the stage when their source is down; without the others an agent goes on, and what was
    missing is noted. ``limit`` is the longest a call may take, in seconds.
    """

    essential: ClassVar[bool] = True
    limit: ClassVar[float] = 120.0
    #: What the tool does, with the arguments of its schema. Raises the house's errors.
    work: ClassVar[Callable[..., dict[str, Any]]]
    _context: StageContext = PrivateAttr()

    def __init__(self, context: StageContext) -> None:
        super().__init__()
        self._context = context

    def time_limit(self) -> float:
        """Seconds a call may take."""
        return self.limit

    def _run(self, **arguments: Any) -> str:
        """The answer as JSON: ``{"ok": true, ...}`` or ``{"ok": false, "error": {code, message, hint}}``."""
        with self._context.lock:
            try:
                answer: dict[str, Any] = {"ok": True, **self._checked(arguments)}
            except (SelfhealError, IncidentError) as error:
                answer = self._failed(_of_house(error))
            except Exception as error:  # noqa: BLE001 - an exception's text would reach the model as it stands
                answer = self._failed(_defect(self.name, error))
        progress.emit("tool", name=self.name, ok=answer["ok"], code=_code(answer))
        return _bounded(answer)

    def _checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        context = self._context
        if context.stopped is not None:
            raise context.stopped
        checked = self.args_schema(**arguments)
        given = {name: getattr(checked, name) for name in type(checked).model_fields}
        key = given.get("incident_key")
        if isinstance(key, str):
            context.bound(key)
        lease = context.lease()
        if lease is not None:
            lease.check()
        return self._in_time(given)

    def _in_time(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Runs the work in a thread, so that the stage can go on when it never comes back."""
        outcome: list[Any] = []

        def target() -> None:
            try:
                outcome.append(self.work(**arguments))
            except BaseException as error:  # noqa: BLE001 - carried over to the waiting thread as it is
                outcome.append(error)

        thread = threading.Thread(target=target, daemon=True, name=f"tool-{self.name}")
        thread.start()
        thread.join(self.time_limit())
        if not outcome:
            # What still runs may write later; this stage must not do anything that could cross it.
            raise Outage(
                f"{self.name} took longer than {self.time_limit():.0f} s.",
                hint="The stage is tried again later.",
                code="tool-timeout",
            )
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        answer: dict[str, Any] = outcome[0]
        return answer

    def _failed(self, error: SelfhealError) -> dict[str, Any]:
        context = self._context
        stops = isinstance(error, Outage | Conflict | CredentialProblem) or error.code == "tool-timeout"
        if self.essential and stops:
            context.stopped = error
        elif not self.essential and isinstance(error, Outage | ConfigurationProblem):
            context.lacks(f"{self.name}: {error.message}")
            if error.code == "tool-timeout":
                context.stopped = error
        if self.essential:
            context.last_error = error
        return {"ok": False, "error": error.as_json()}


def told(text: str, limit: int = 6_000) -> str:
    """Text that others wrote, fenced as data."""
    return fence(text, limit)


def _of_house(error: SelfhealError | IncidentError) -> SelfhealError:
    if isinstance(error, SelfhealError):
        return error
    found = Refused(error.message, hint=error.hint, code=error.code)
    found.__cause__ = error
    return found


def _defect(name: str, error: Exception) -> SelfhealError:
    if isinstance(error, ValueError) and type(error).__module__.startswith("pydantic"):
        found: SelfhealError = Refused(
            f"{name} was called with arguments it does not take: {_first(error)}.",
            hint="Use the names and types of the tool's schema.",
            code="arguments",
        )
    else:
        LOGGER.warning("%s failed unexpectedly", name, exc_info=error)
        found = SelfhealError(
            f"{name} failed unexpectedly ({type(error).__name__}).",
            hint="The log has the details; the stage is tried again later.",
            code="defect",
        )
    found.__cause__ = error
    return found


def _first(error: Any) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'/'.join(str(part) for part in problem['loc'])}: {problem['msg']}"


def _code(answer: dict[str, Any]) -> str:
    return "" if answer["ok"] else str(answer["error"]["code"])


def _bounded(answer: dict[str, Any]) -> str:
    """Redacted JSON of at most LIMIT characters; an answer that is larger says so instead."""
    text = json.dumps(redactor().data(answer), ensure_ascii=False, default=str)
    if len(text) <= LIMIT:
        return text
    error = {
        "code": "too-large",
        "message": f"The answer has {len(text)} characters; {LIMIT} are given to a model.",
        "hint": "Ask for less: one object, fewer lines, a narrower path.",
    }
    return json.dumps({"ok": False, "error": error})
