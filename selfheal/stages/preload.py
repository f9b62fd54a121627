"""Imported by the fork server, which holds no credential: pay for the heavy imports once, before any stage starts."""

from __future__ import annotations

import selfheal.cluster.live
import selfheal.crew
import selfheal.jsm.client
import selfheal.jsm.manager
import selfheal.pulls.manager
import selfheal.repair.gate
import selfheal.repair.plan
import selfheal.stages.analyze
import selfheal.stages.coordinate
import selfheal.stages.deploy
import selfheal.stages.fix
import selfheal.stages.pr
import selfheal.stages.runner  # noqa: F401
