"""Which model an agent thinks with, what it may spend, and the built-in playbooks that need no provider.

Belongs here: the gateway to CrewAI, the budget, the wrapper around a provider's model, playbooks as pure functions.
Does not belong here: what agents are told (agents), what tools do (tools).
"""
