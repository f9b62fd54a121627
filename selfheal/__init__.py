"""selfheal: from an incident in Jira Service Management to a proven recovery in Kubernetes.

This package's own file holds nothing but the version; see docs/architecture.md for the house and its arrows.
"""

__version__ = "0.1.0"
