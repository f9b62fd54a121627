"""Builds the crew of a stage, one agent and one task, lets it work, and says what it used.

Nothing an agent answers is believed: whether it has done its part is read from the record. When a provider's model
fails in any way, the stage starts again with the built-in playbook, from the record and never in mid-conversation.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from selfheal import progress
from selfheal.agents.definition import AgentAnswer, AgentDefinition
from selfheal.agents.registry import agent_named
from selfheal.errors import CredentialProblem, Outage, SelfhealError
from selfheal.incidents.record import Spent
from selfheal.models import daily
from selfheal.models.budget import Budget, ModelFailed
from selfheal.models.builtin import NAME as BUILTIN
from selfheal.models.builtin import BuiltinModel
from selfheal.models.library import Agent, Task, crew_of, quiet, work_through
from selfheal.models.provider import ProviderModel, provider_model
from selfheal.redaction import redactor
from selfheal.tools.context import StageContext
from selfheal.tools.registry import tools_for

LOGGER = logging.getLogger(__name__)
#: Share of the claim's usable time that a provider's model may take; the rest is for the playbook after it.
SHARE = 0.5
#: Turns of the built-in playbook; the longest has six.
PLAYBOOK_TURNS = 12


@dataclass(frozen=True)
class StageResult:
    """What an agent used. ``summary`` is its own word, for people; nothing is decided by it."""

    model: str
    fell_back: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    summary: str = ""
    #: Key of the incident that the coordinator names as leading; checked by the stage.
    parent: str = ""


def run_stage(context: StageContext, agent_name: str) -> StageResult:
    """Lets the agent do its part of the stage.

    Raises what stopped it: Outage, Conflict, CredentialProblem and the like from its tools, and SelfhealError when
    even the built-in playbook did not reach the stage's goal.
    """
    quiet()
    definition = agent_named(agent_name)
    name = BUILTIN if definition.builtin_only else context.settings.model_name
    if name == BUILTIN:
        return _with_playbook(context, definition, fell_back=False)
    used_up = _day(context)
    if used_up:
        told = f"No more is spent on {name} today: {used_up}."
        progress.emit("model", name=name, reason="daily-budget", text=told)
        progress.emit("note", text=told)
        return _with_playbook(context, definition, fell_back=True)
    budget = Budget(context.settings.model, context.clock, _deadline(context))
    context.spending = lambda: _spent(context, budget)
    context.model = name
    try:
        answer = _with_provider(context, definition, name, budget)
    except ModelFailed as error:
        if context.stopped is not None:
            raise context.stopped from error
        progress.emit("model", name=name, reason=error.reason, text=error.message)
        context.again(BUILTIN)
        if context.done:
            # The model reached the goal before it failed.
            return _result(name, budget, f"{definition.name} finished; its model failed afterwards.")
        after = _with_playbook(context, definition, fell_back=True)
        return StageResult(
            model=after.model,
            fell_back=True,
            input_tokens=budget.input_tokens,
            output_tokens=budget.output_tokens,
            calls=budget.calls + after.calls,
            summary=after.summary,
            parent=after.parent,
        )
    return _result(name, budget, answer.summary)


def _day(context: StageContext) -> str:
    """Which budget of the day is used up, "" when none; counted from the records of the last day."""
    incident, record = context.incident, context.record
    repository = record.source.repository if record.source is not None else ""
    try:
        found = context.manager.recent(1, daily.MOST)
    except (Outage, CredentialProblem):
        raise
    except SelfhealError as error:
        return f"what was used cannot be counted ({error.message})"
    others = (
        (item.reporter.id if item.reporter is not None else "", item.record)
        for item in found
        if item.record is not None
    )
    reporter = incident.reporter.id if incident.reporter is not None else ""
    return daily.over(context.settings.model, context.clock.now(), repository, reporter, others)


def _spent(context: StageContext, budget: Budget) -> Spent | None:
    """What the record gets of the budget. An agent's last words come after its last write: they count as one more call."""
    if not budget.calls:
        return None
    more = (budget.calls + 1) / budget.calls
    return Spent(
        stage=context.stage,
        at=context.clock.now(),
        calls=budget.calls + 1,
        input_tokens=round(budget.input_tokens * more),
        output_tokens=round(budget.output_tokens * more),
        usd=round(budget.usd() * more, 4),
    )


def _result(name: str, budget: Budget, summary: str) -> StageResult:
    told = redactor().text(summary)
    return StageResult(name, False, budget.input_tokens, budget.output_tokens, budget.calls, told)


def _deadline(context: StageContext) -> float:
    usable = min(context.settings.jira.lease * 2 / 3, context.settings.limits.stage_timeout)
    return context.clock.monotonic() + usable * SHARE


def _with_provider(
    context: StageContext, definition: AgentDefinition, name: str, budget: Budget
) -> AgentAnswer:
    """The agent with a provider's model. Raises ModelFailed for whatever goes wrong with it."""
    model = provider_model(context.settings, name, budget)
    try:
        answer = _kick_off(context, definition, model, turns=context.settings.model.calls + 1)
    except ModelFailed:
        raise
    except Exception as error:  # a library driven by a model may raise anything
        LOGGER.warning("%s: the model %s did not end well", definition.name, name, exc_info=error)
        problem = model.failure or ModelFailed(
            f"The model {name} did not end with a usable answer ({type(error).__name__}).", reason="refused"
        )
        raise problem from error
    if context.stopped is not None:
        raise ModelFailed("A tool stopped the stage.", reason="refused")
    if not context.done:
        raise ModelFailed(f"The model {name} ended without reaching the stage's goal.", reason="refused")
    return answer


def _with_playbook(context: StageContext, definition: AgentDefinition, *, fell_back: bool) -> StageResult:
    context.model = BUILTIN
    model = BuiltinModel(definition.playbook)
    try:
        answer = _kick_off(context, definition, model, turns=PLAYBOOK_TURNS)
    except SelfhealError:
        raise
    except Exception as error:
        if context.stopped is not None:
            raise context.stopped from error
        LOGGER.warning("%s could not follow its playbook", definition.name, exc_info=error)
        raise SelfhealError(
            f"{definition.name} could not follow its playbook ({type(error).__name__}).",
            hint="The log has the details.",
            code="playbook",
        ) from error
    if context.stopped is not None:
        raise context.stopped
    if not answer.done or not context.done:
        raise context.last_error or SelfhealError(
            f"{definition.name} ended without reaching its goal: {answer.summary}", code="playbook"
        )
    return StageResult(
        BUILTIN, fell_back, calls=model.calls, summary=redactor().text(answer.summary), parent=answer.parent
    )


def _kick_off(
    context: StageContext, definition: AgentDefinition, model: BuiltinModel | ProviderModel, *, turns: int
) -> AgentAnswer:
    """One agent, one task. Raises whatever CrewAI raises."""
    agent = Agent(
        role=definition.role,
        goal=definition.goal,
        backstory=definition.backstory,
        llm=model,
        tools=tools_for(definition.tools, context),
        max_iter=turns,
        max_retry_limit=0,
        allow_delegation=False,
        verbose=False,
        memory=False,
        cache=False,
        respect_context_window=False,
        use_better_compaction=False,
    )
    task = Task(
        description=definition.prompt(context),
        expected_output="JSON with summary (what was done and found, two sentences) and done (true or false).",
        agent=agent,
        output_pydantic=AgentAnswer,
        # A lambda, because CrewAI takes no function whose annotations are postponed.
        guardrail=lambda output: _judged(context, output),
        guardrail_max_retries=1,
        human_input=False,
    )
    work_through(crew_of(agent, task))
    output = task.output
    answer = output.pydantic if output is not None else None
    if not isinstance(answer, AgentAnswer):
        raise ModelFailed("The agent's last word is not the answer that was asked for.", reason="refused")
    return answer


def _judged(context: StageContext, output: Any) -> tuple[bool, Any]:
    """The guardrail: refuses a last word that is no answer, or that comes before the record shows the goal."""
    try:
        answer = AgentAnswer.model_validate(json.loads(output.raw))
    except (ValueError, ValidationError):
        return False, 'Answer with JSON only: {"summary": "...", "done": true}.'
    if answer.done and not context.done and context.stopped is None:
        state = context.record.state if context.incident.record is not None else "without a record"
        return False, f"The incident is {state}; your part is not done. Go on with the tools."
    return True, answer.model_dump_json()
