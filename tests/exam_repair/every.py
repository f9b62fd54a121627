"""All layouts by name."""

from __future__ import annotations

from tests.exam_repair import flux, layouts

LAYOUTS = layouts.LAYOUTS | {layout.name: layout for layout in flux.LAYOUTS}
