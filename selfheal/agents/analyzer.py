"""Root Cause Analyzer: the cause, with evidence that can be looked up."""

from __future__ import annotations

from selfheal.agents.definition import AgentDefinition
from selfheal.models.playbooks import analyze
from selfheal.tools.context import StageContext


def _adds(context: StageContext) -> str:
    """What earlier attempts taught, and what becomes of a healthy verdict."""
    measured = "If all is healthy, store that verdict and stop there: whether it stays so is measured next."
    return "\n\n".join(
        part
        for part in (_tried(context), measured if context.facts.get("healthy_is_measured") else "")
        if part
    )


def _tried(context: StageContext) -> str:
    lines = [
        f"- attempt {item.attempt}: {item.fault} on {item.object}; {item.learned}"
        for item in context.record.tried
    ]
    return "Tried before, without success:\n" + "\n".join(lines) if lines else ""


ANALYZER = AgentDefinition(
    name="Root Cause Analyzer",
    role="Root Cause Analyzer",
    goal="Name the one cause that explains the symptoms, and the evidence for it, or say that it is unknown.",
    backstory=(
        "You are a site reliability engineer who has debugged Kubernetes since its early days. You look before you speak, "
        "blame the object whose spec is wrong, and prefer 'unknown' to a guess."
    ),
    task=(
        "Find the root cause.\n"
        "1. Unless it is there already, move the incident to ANALYSIS_IN_PROGRESS with jsm_state_transition.\n"
        "2. Call k8s_diagnose. If its first finding explains what was reported, take it. Otherwise look further with "
        "k8s_get, k8s_describe, k8s_logs, k8s_events, repo_history (what changed) and knowledge_search (runbooks).\n"
        '3. Store the analysis with jsm_metadata_updater: {"analysis": {"finding": "f1"}}, or your own verdict with fault, '
        "object, summary and evidence; each citation must be found in the snapshot.\n"
        "4. Move to ANALYSIS_COMPLETE. If all is healthy or no cause can be shown, store that verdict and move to "
        "INCIDENT_REQUIRES_HUMAN with metadata code (healthy or unknown) and reason.\n"
        "jsm_state_checker tells where the incident stands."
    ),
    tools=(
        "jsm_state_checker",
        "jsm_state_transition",
        "jsm_metadata_updater",
        "k8s_diagnose",
        "k8s_get",
        "k8s_describe",
        "k8s_logs",
        "k8s_events",
        "repo_history",
        "knowledge_search",
    ),
    playbook=analyze.playbook,
    adds=_adds,
)
