"""The five agents, in the order in which an incident meets them."""

from __future__ import annotations

from selfheal.agents.analyzer import ANALYZER
from selfheal.agents.coordinator import COORDINATOR
from selfheal.agents.definition import AgentDefinition
from selfheal.agents.fixer import FIXER
from selfheal.agents.monitor import MONITOR
from selfheal.agents.pr_manager import PR_MANAGER
from selfheal.errors import NotFound

AGENTS: tuple[AgentDefinition, ...] = (COORDINATOR, ANALYZER, FIXER, PR_MANAGER, MONITOR)


def agent_named(name: str) -> AgentDefinition:
    """The agent of that name. Raises NotFound naming those there are."""
    for agent in AGENTS:
        if agent.name == name:
            return agent
    raise NotFound(
        f"There is no agent {name!r}.", hint=f"There are: {', '.join(agent.name for agent in AGENTS)}."
    )
