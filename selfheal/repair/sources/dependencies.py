"""Charts of the repository that another chart names as its dependencies (``file://``) without vendoring them.

``helm dependency build`` copies such a chart into the other one's ``charts`` before anything is rendered. The same is
done here on the copy that is rendered; edits go to the chart itself.
"""

from __future__ import annotations

from typing import Any

from selfheal.cluster.workloads import mapping, mappings
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import parse, value_of
from selfheal.repair.sources.folders import inside, is_chart, join
from selfheal.repair.view import View

_DEPTH = 4


def content(view: View, path: str) -> dict[str, Any]:
    """A YAML file's mapping, {} where it cannot be read."""
    data = view.read(path)
    try:
        roots = parse(decode(path, data)) if data is not None else []
        return mapping(value_of(roots[0])) if roots else {}
    except SelfhealError:
        return {}


def beside(view: View, chart: str, depth: int = 0) -> dict[str, str]:
    """The folder inside the chart where a dependency is expected -> the folder in which it lies."""
    found: dict[str, str] = {}
    for entry in mappings(content(view, join(chart, "Chart.yaml")).get("dependencies")):
        repository, name = str(entry.get("repository") or ""), str(entry.get("name") or "")
        if not repository.startswith("file://") or not name or depth > _DEPTH:
            continue
        folder = inside(join(chart, repository.removeprefix("file://")))
        place = join(chart, f"charts/{name}")
        if folder is None or not is_chart(view, folder) or _vendored(view, place):
            continue
        found[place] = folder
        for below, real in beside(view, folder, depth + 1).items():
            found[place + below.removeprefix(folder)] = real
    return found


def _vendored(view: View, place: str) -> bool:
    return any(
        path.startswith(f"{place}/") or (path.startswith(f"{place}-") and path.endswith(".tgz"))
        for path in view.files()
    )


def real(path: str, found: dict[str, str]) -> str:
    """A path of the rendered copy as the path of the file it is copied from."""
    for place in sorted(found, key=len, reverse=True):
        if path.startswith(f"{place}/"):
            return join(found[place], path.removeprefix(f"{place}/"))
    return path
