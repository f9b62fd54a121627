"""The JSM State Manager: incidents, their record, claims and people's commands, kept in Jira Service Management.

Belongs here: everything that speaks to Jira (through atlassian-python-api), and what is built on that alone. Does not:
GitHub, Kubernetes, models. Proofs that need those come from verifiers that the caller injects. ``manager`` is the
door; vendor errors stop at ``transport``.
"""
