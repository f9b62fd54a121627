"""All cases, in one list."""

from __future__ import annotations

from tests.exam.injections_cluster import all_cluster_cases
from tests.exam.injections_config import all_config_cases
from tests.exam.injections_healthy import healthy_cases

CASES = [*all_config_cases(), *all_cluster_cases(), *healthy_cases()]
