"""All faults, in one explicit list. Which of two overlapping ones counts: :mod:`selfheal.faults.precedence`."""

from __future__ import annotations

from selfheal.errors import NotFound
from selfheal.faults.config_key_missing import ConfigKeyMissing
from selfheal.faults.config_ref_missing import ConfigRefMissing
from selfheal.faults.env_var_invalid import EnvVarInvalid
from selfheal.faults.image_not_found import ImageNotFound
from selfheal.faults.interface import Fault
from selfheal.faults.oom_killed import OomKilled
from selfheal.faults.readiness_probe_misconfigured import ReadinessProbeMisconfigured
from selfheal.faults.service_selector_mismatch import ServiceSelectorMismatch

CATALOGUE: tuple[Fault, ...] = (
    ImageNotFound(),
    ConfigRefMissing(),
    ConfigKeyMissing(),
    OomKilled(),
    EnvVarInvalid(),
    ReadinessProbeMisconfigured(),
    ServiceSelectorMismatch(),
)


def by_id(fault_id: str) -> Fault:
    """The fault of that id. Raises NotFound naming those there are."""
    for fault in CATALOGUE:
        if fault.id == fault_id:
            return fault
    known = ", ".join(fault.id for fault in CATALOGUE)
    raise NotFound(f"There is no fault {fault_id!r} in the catalogue.", hint=f"There are: {known}.")
