"""Ways a repository deploys: plain manifests, Kustomize, Helm. One adapter a file behind one interface.

Belongs here: which files make up a deployment, rendering them, where a rendered field is decided. Does not belong
here: which value is right (values), whether a change may be proposed (policy).
"""

from selfheal.repair.sources.interface import Attempt, Source, SourceUnreadable, Unit
from selfheal.repair.sources.render import render, source_for

__all__ = ["Attempt", "Source", "SourceUnreadable", "Unit", "render", "source_for"]
