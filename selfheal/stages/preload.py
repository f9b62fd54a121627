"""Imported by the fork server, which holds no credential: pay for the heavy imports once, before any stage starts.

The fork server passes over a module that cannot be imported, so a test imports this one.
"""

from __future__ import annotations

import importlib

#: What a stage would import on its way, vendor libraries included.
MODULES = (
    "atlassian.jira", "selfheal.cluster.live", "selfheal.crew", "selfheal.jsm.manager", "selfheal.pulls.manager",
    "selfheal.repair.gate", "selfheal.repair.plan", "selfheal.rollout", "selfheal.stages.analyze",
    "selfheal.stages.coordinate", "selfheal.stages.deploy", "selfheal.stages.fix", "selfheal.stages.gate",
    "selfheal.stages.pr", "selfheal.stages.runner",
)  # fmt: skip

for _name in MODULES:
    importlib.import_module(_name)
