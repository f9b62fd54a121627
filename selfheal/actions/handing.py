"""Passing an incident on to the repository that owns its service: one `repository_dispatch` with its key, nothing more."""

from __future__ import annotations

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.errors import CredentialProblem, NotFound, SelfhealError
from selfheal.incidents.states import Stage
from selfheal.stages.report import Outcome, StageReport

#: What the other repository's workflow listens to; Jira's own rule sends the same.
EVENT = "jira-incident"


def hand_over(key: str, settings: Settings, clock: Clock) -> StageReport:
    """Tells the configured repository of ``key``. Raises CredentialProblem, NotFound, Outage."""
    from selfheal.pulls.client import Client

    client = Client(settings, clock)
    started = clock.monotonic()
    if not settings.dry_run:
        try:
            # Telling twice starts a second run, which finds the claim taken; not telling leaves the incident waiting.
            client.write(
                "POST", client.of_repository("/dispatches"),
                {"event_type": EVENT, "client_payload": {"incident": {"key": key}}}, repeatable=True,
            )  # fmt: skip
        except (CredentialProblem, NotFound) as error:
            raise CredentialProblem(
                f"{client.repository} could not be told of {key}: {error.message}",
                hint="Install the GitHub App on that repository with contents: write, and pass its id and private key.",
            ) from error
        except SelfhealError as error:
            raise type(error)(
                f"{client.repository} could not be told of {key}: {error.message}", hint=error.hint
            ) from error
    return StageReport(
        Stage.COORDINATE, key, Outcome.PROGRESS, summary=f"{client.repository} was told of it.",
        requests={"github": client.requests}, writes={"github": client.writes},
        would_write=[f"tell {client.repository} of {key}"] if settings.dry_run else [],
        seconds=round(clock.monotonic() - started, 3),
    )  # fmt: skip
