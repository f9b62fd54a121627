"""pr: the only stage that writes code. No provider's model, nothing of the repository is run or rendered here.

It opens the pull request under its claim, waits for people without one, and settles it under a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfheal import progress
from selfheal.errors import SelfhealError
from selfheal.incidents.record import Record
from selfheal.incidents.states import State
from selfheal.pulls.errors import NotReady
from selfheal.stages import comments
from selfheal.stages.context import context_of
from selfheal.stages.work import Waiting, Work
from selfheal.tools.context import Comment
from selfheal.tools.standing import current, stands

if TYPE_CHECKING:
    from selfheal.incidents.proofs import Verifier

OPENS = (State.PR_CREATED, State.INCIDENT_REQUIRES_HUMAN)
SETTLES = (
    State.PR_MERGED, State.FIX_IN_PROGRESS, State.INCIDENT_RELEASED, State.INCIDENT_REQUIRES_HUMAN,
)  # fmt: skip
#: Steps that end the work under the claim; the rest end the incident and so free it anyway.
_SETTLED = (State.PR_MERGED, State.FIX_IN_PROGRESS)
#: Why a signed change cannot be written as it is: the newest base differs, or another run's key signed it.
_AGAIN = frozenset({"stale-base", "signature"})


def serve(work: Work) -> None:
    """FIX_GENERATED, or a due revert, becomes PR_CREATED; PR_CREATED becomes PR_MERGED or what people decided."""
    verifiers: dict[State, Verifier] = work.pulls.verifiers()
    for state, verifier in verifiers.items():
        work.verifies(state, verifier)
    work.verifies(State.INCIDENT_RELEASED, work.pulls.released())
    if work.record.state is not State.PR_CREATED:
        _open(work)
    if work.record.state is State.PR_CREATED:
        # Also when the stage that opened it died before: what was told already is not told again.
        name = f"pull-request-{current(work.record).role}"
        work.manager.tell(work.key, name, comments.pull_request(work.record), lease=work.lease)
        _settle(work)


def let_go(work: Work) -> None:
    """Tells those who look at the pull request of an incident that a person took: once, and nothing else is done to it."""
    found = work.record.pull_request
    if found is None or found.state != "open" or work.pulls.status(found, brief=True).state != "open":
        return
    why = work.record.history[-1].note if work.record.history else ""
    work.pulls.comment(
        found,
        "released",
        f"selfheal no longer works on {work.key} ({why or 'a person took it'}). This pull request is left as it is: "
        "merge or close it as you see fit.",
    )


def _open(work: Work) -> None:
    context = context_of(
        work,
        steps=OPENS,
        goal=lambda record: record.state is State.PR_CREATED,
        facts=_facts(work.record),
        # Waiting for people frees the claim; where the merge may follow at once, only after the first look.
        last=() if _heals(work) else (State.PR_CREATED,),
        tells=_tells,
    )
    try:
        work.crew(context, "PR Manager")
    except SelfhealError as error:
        _make_again(work, error, State.FIX_GENERATED)


def _make_again(work: Work, error: SelfhealError, state: State) -> None:
    """Back to the fix where that mends ``error``: GitHub, or the signature, is asked again whether it is so."""
    if error.code not in _AGAIN or work.record.state is not state:
        raise error
    work.step(State.FIX_IN_PROGRESS, {"note": error.message[:300]})
    work.summary = f"The change is made again: {error.message}"


def _tells(to: State, record: Record) -> Comment | None:
    if to is not State.PR_CREATED:
        return None
    return f"pull-request-{current(record).role}", comments.pull_request(record)


def _facts(record: Record) -> dict[str, Any]:
    found = record.pull_request
    return {"role": found.role if found is not None else "fix"}


def _settle(work: Work) -> None:
    """Waits for people and checks up to the configured time, then takes the step that they allow."""
    found, why = _await(work)
    if why:
        work.summary = f"Pull request #{current(work.record).number} waits: {why}"
        raise Waiting(work.summary)
    if work.record.state is not State.PR_CREATED:
        return
    # The agent starts from what was just read; the merge and each proof read everything again.
    facts = {**_facts(work.record), "status": found}
    context = context_of(work, steps=SETTLES, goal=lambda _record: True, facts=facts, last=_SETTLED)
    try:
        work.crew(context, "PR Manager")
    except NotReady as error:
        raise Waiting(error.message) from error
    except SelfhealError as error:
        # Another run's key signed it: judged and signed anew, the same change keeps its pull request and approvals.
        _make_again(work, error, State.PR_CREATED)


def _await(work: Work) -> tuple[dict[str, Any], str]:
    """Polls GitHub without holding the claim: how it stands, and what is waited for ("": there is something to do)."""
    pull_request, heals = current(work.record), _heals(work)
    # Counted from the opening: a run that finds a pull request of yesterday looks once and goes.
    passed = max(0.0, work.manager.stands_for(work.record).total_seconds())
    until = work.clock.monotonic() + work.settings.github.wait_for_review - passed
    said = ""
    while True:
        found = stands(work.pulls.status(pull_request))
        if found["state"] != "open" or found["refused"] or found["rework"] or (found["mergeable"] and heals):
            break
        reason = found["reason"] or "the merge is for a person to make"
        if reason != said:
            progress.emit("wait", reason=reason)
            said = reason
        left = until - work.clock.monotonic()
        if work.settings.dry_run:
            _foretell(work)
        if left <= 0 or work.settings.dry_run:
            return found, reason
        work.let_go()
        work.clock.sleep(min(work.settings.github.poll, left))
    if work.holding is None:
        # People may have acted on the incident meanwhile; what they did comes first.
        work.incident = work.manager.heed(work.key)
        if work.record.state is State.PR_CREATED:
            work.claim()
    return found, ""


def _foretell(work: Work) -> None:
    """In a dry run nobody can approve what does not exist: says what GitHub would get, and what would follow."""
    role = current(work.record).role
    follows = [
        "GitHub: merge the pull request once people approved its head and the checks are green"
        if _heals(work)
        else "GitHub: nothing more; the merge is for a person to make",
        "Jira: after the merge PR_MERGED, then VERIFICATION_IN_PROGRESS while the rollout and the soak are watched",
        "Jira: INCIDENT_RESOLVED, a comment with the outcome and the status of a recovered incident, if it recovered"
        if role == "fix"
        else "Jira: INCIDENT_REQUIRES_HUMAN, since a revert mends nothing",
    ]
    for line in (*work.pulls.described(), *follows):
        progress.emit("would", text=line)
    work.would_write += follows


def _heals(work: Work) -> bool:
    from selfheal.stages.modes import mode_for

    return mode_for(work.settings, work.record) == "heal"
