"""Imported by the fork server, which holds no credential: pay for the heavy imports once, before any stage starts."""

from __future__ import annotations

import atlassian  # noqa: F401 - each stage would import its client anew
import github  # noqa: F401
import kubernetes  # noqa: F401

import selfheal.crew
import selfheal.jsm.manager
import selfheal.stages.runner  # noqa: F401
