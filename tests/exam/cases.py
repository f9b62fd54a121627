"""All cases, in one list."""

from __future__ import annotations

from tests.exam.injections.admission import admission_cases
from tests.exam.injections.components import component_cases
from tests.exam.injections.contents import content_cases
from tests.exam.injections.controllers import controller_cases
from tests.exam.injections.credentials import credential_cases
from tests.exam.injections.entrances import entrance_cases
from tests.exam.injections.healthy import healthy_cases
from tests.exam.injections.images import image_cases
from tests.exam.injections.kinds import kind_cases
from tests.exam.injections.nodes import node_cases
from tests.exam.injections.probes import probe_cases
from tests.exam.injections.programs import program_cases
from tests.exam.injections.references import reference_cases
from tests.exam.injections.scheduling import scheduling_cases
from tests.exam.injections.security import security_cases
from tests.exam.injections.services import service_cases
from tests.exam.injections.storage import volume_cases
from tests.exam.injections.traffic import traffic_cases
from tests.exam.injections.variables import variable_cases

_MAKERS = (
    image_cases,
    reference_cases,
    content_cases,
    variable_cases,
    credential_cases,
    program_cases,
    probe_cases,
    service_cases,
    scheduling_cases,
    volume_cases,
    admission_cases,
    security_cases,
    traffic_cases,
    controller_cases,
    entrance_cases,
    node_cases,
    component_cases,
    kind_cases,
    healthy_cases,
)
CASES = [case for make in _MAKERS for case in make()]
