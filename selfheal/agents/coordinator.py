"""Incident Coordinator: one incident, one leader."""

from __future__ import annotations

from selfheal.agents.definition import AgentDefinition
from selfheal.models.playbooks import coordinate

COORDINATOR = AgentDefinition(
    name="Incident Coordinator",
    role="Incident Coordinator",
    goal="See that each cause is worked on once, by one incident, and that the others follow it.",
    backstory=(
        "You have run the incident desk for years and know that ten tickets are often one outage. You group what is about "
        "the same workload before anybody starts to dig."
    ),
    task=(
        "Find out whether another incident in flight is about the same target. Search with jsm_incident_search; "
        "jsm_incident_fetcher lists new ones, jsm_state_checker reads one state. If one with the same target is older, name "
        "it as the parent in your answer. If the incident cannot be ours, hand it to a person with jsm_state_transition."
    ),
    tools=("jsm_incident_fetcher", "jsm_incident_search", "jsm_state_checker", "jsm_state_transition"),
    playbook=coordinate.playbook,
    builtin_only=True,
    reads_text=False,
)
