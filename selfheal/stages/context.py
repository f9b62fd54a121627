"""The context of a stage's agent, out of the stage's work: what it may do, when it is done, which sources it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from selfheal.incidents.record import Record
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.stages.modes import mode_for
from selfheal.stages.work import Work
from selfheal.tools.context import Comment, Measures, StageContext

#: Sources by stage; the credentials of each stage say the same (`stages.credentials`).
_CLUSTER = frozenset({Stage.ANALYZE, Stage.DEPLOY})
_TREE = frozenset({Stage.ANALYZE, Stage.FIX, Stage.DEPLOY})
_PULLS = frozenset({Stage.PR})


def context_of(
    work: Work,
    *,
    steps: Iterable[State],
    goal: Callable[[Record], bool],
    facts: dict[str, Any] | None = None,
    verification: Callable[[Record, Callable[..., None]], Measures] | None = None,
    last: Iterable[State] = (),
    tells: Callable[[State, Record], Comment | None] = lambda _to, _record: None,
) -> StageContext:
    """The context for one agent. ``steps``: states it may ask for; ``goal``: when its part is done.

    ``last`` are the steps that end the work under the claim; ``tells`` is what people read with a step.
    """
    assert work.incident is not None  # noqa: S101 - a stage's body runs only with an incident
    record = work.record
    context = StageContext(
        stage=work.stage,
        key=work.key,
        settings=work.settings,
        clock=work.clock,
        manager=work.manager,
        incident=work.incident,
        steps=frozenset(steps),
        goal=lambda now: now.state in ENDED or goal(now),
        facts={
            "incident": work.key,
            "state": record.state.value,
            "attempt": record.attempt,
            "mode": mode_for(work.settings, record),
            **(facts or {}),
        },
        last=frozenset(last),
        tells=tells,
        lease=lambda: work.holding,
        keep_claim=work.keep_claim,
        cluster_source=(lambda: work.cluster) if work.stage in _CLUSTER else None,
        tree_source=(lambda: work.tree) if work.stage in _TREE else None,
        pulls_source=(lambda: work.pulls) if work.stage in _PULLS else None,
    )
    if verification is not None:
        context.verification_source = lambda on_sample: verification(context.record, on_sample)
    return context
