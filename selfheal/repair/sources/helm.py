"""Helm: charts in the repository, rendered by the real ``helm template`` on a copy of the chart and its values."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from selfheal.errors import SelfhealError
from selfheal.incidents.record import ObjectRef
from selfheal.repair.contract import ContractBroken, prove
from selfheal.repair.edits.file import decode
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object, is_hook, load, ref
from selfheal.repair.sources import charts, templates
from selfheal.repair.sources.dependencies import beside, real
from selfheal.repair.sources.interface import Attempt, Kind, Source, SourceUnreadable, Unit
from selfheal.repair.sources.layers import inline_content
from selfheal.repair.tools import RenderFailed, Tools
from selfheal.repair.view import View
from selfheal.repository.paths import below
from selfheal.repository.worktree import write_out

_ENVIRONMENT = re.compile(
    r"(?:^|[-_./])(?:values|production|prod|prd|staging|stage|stg|dev|development|test|testing|qa|uat|preprod|live"
    r"|preview|sandbox|demo|eu|us|ap)(?:[-_./]|$)",
    re.IGNORECASE,
)
_SCHEMA = "values.schema.json"
#: A schema that refers to another one elsewhere would have to be fetched.
_REMOTE_SCHEMA = re.compile(rb'"\$ref"\s*:\s*"[^#"]')
#: Values files and release names tried where nothing says which count.
VALUES = 24
STACKED = 8
RELEASES = 6


class Helm(Source):
    """See the module."""

    kind: ClassVar[Kind] = "helm"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    @override
    def units(
        self,
        view: View,
        refs: Sequence[ObjectRef],
        path: str,
        namespace: str,
        releases: Sequence[str] = (),
    ) -> Iterable[Unit]:
        for chart in _charts(view):
            if not (
                below(chart, path) or below(path, chart) or any(below(f, path) for f in _values(view, chart))
            ):
                continue
            files = _values(view, chart)
            chosen = [file for file in files if path and not below(chart, path) and below(file, path)]
            files = chosen or files
            for release in self._releases(view, chart, refs, namespace, releases):
                base = Unit("helm", chart, release=release, namespace=namespace)
                if not chosen:
                    yield base
                for file in files[:VALUES]:
                    yield Unit("helm", chart, values=(file,), release=release, namespace=namespace)

    @override
    def stacked(self, view: View, unit: Unit) -> Iterable[Unit]:
        for file in _values(view, unit.path)[:STACKED]:
            if file not in unit.values and not unit.origin:
                yield replace(unit, values=(file, *unit.values))
                yield replace(unit, values=(*unit.values, file))

    def _releases(
        self, view: View, chart: str, refs: Sequence[ObjectRef], namespace: str, running: Sequence[str]
    ) -> list[str]:
        """Names under which the chart renders the objects; all that are possible where its defaults tell nothing."""
        names = list(dict.fromkeys((*running, *_release_names(view, chart, refs, namespace))))
        if not refs:
            return names[:1]
        for name in names:
            try:
                objects = self.render(view, Unit("helm", chart, release=name, namespace=namespace))
            except (SourceUnreadable, RenderFailed):
                continue
            rendered = {(obj.get("kind"), ref(obj).name) for obj in objects}
            if all((wanted.kind, wanted.name) in rendered for wanted in refs):
                return [name]
        return names[:RELEASES]

    @override
    def unless_refused(self, view: View, changed: View, unit: Unit) -> None:
        schemas = view.read_many(path for path in self._copied(view, unit) if path.endswith(_SCHEMA))
        if not schemas or any(_REMOTE_SCHEMA.search(text) for text in schemas.values()):
            return
        try:
            self._output(changed, unit, checked=True)
        except RenderFailed:
            try:
                self._output(view, unit, checked=True)
            except RenderFailed:
                # It was refused before as well: not the change's doing.
                return
            raise

    def _output(self, view: View, unit: Unit, *, hooks: bool = False, checked: bool = False) -> str:
        files = self._files(view, unit)
        missing = [path for path in unit.values if path not in files]
        if missing:
            raise SourceUnreadable(
                f"The values file {missing[0]} is not in the repository.", hint="Add it, or name another."
            )
        inline = [inline_content(view, item) for item in unit.inline]
        more = ["--skip-tests"] if hooks else ["--no-hooks"]
        return self._run(unit, files, inline, more if checked else [*more, "--skip-schema-validation"])

    def _run(self, unit: Unit, files: dict[str, bytes], inline: list[dict[str, Any]], more: list[str]) -> str:
        with tempfile.TemporaryDirectory(prefix="selfheal-render-") as folder:
            write_out(files, Path(folder))
            arguments = ["template", unit.release or "release", unit.path or "."]
            arguments += [
                "--namespace",
                unit.namespace or "default",
                *self._tools.capabilities.arguments(),
                *more,
            ]
            for path in unit.values:
                arguments += ["--values", path]
            for number, content in enumerate(inline):
                name = f"selfheal-inline-{number}.json"
                (Path(folder) / name).write_text(json.dumps(content), encoding="utf-8")
                arguments += ["--values", name]
            for name, value in unit.parameters:
                arguments += [
                    "--set-string" if not _plain_number(value) else "--set",
                    f"{name}={_escaped(value)}",
                ]
            return self._tools.run("helm", arguments, Path(folder))

    @override
    def render(self, view: View, unit: Unit) -> list[Object]:
        return load(self._remembered(view, unit))

    @override
    def fresh(self, view: View, unit: Unit) -> list[Object]:
        return load(self._output(view, unit))

    @override
    def hooks(self, view: View, unit: Unit) -> list[Object]:
        texts = view.read_many(path for path in self._copied(view, unit) if "/templates/" in f"/{path}")
        if not any(b"helm.sh/hook" in text for text in texts.values()):
            return []
        return [obj for obj in load(self._output(view, unit, hooks=True)) if is_hook(obj)]

    def _remembered(self, view: View, unit: Unit) -> str:
        files = view.read_many(self._copied(view, unit))
        key = hashlib.sha256(repr((unit, self._tools.capabilities)).encode())
        for path, data in sorted(files.items()):
            key.update(f"\0{path}\0{len(data)}\0".encode() + data)
        return self._tools.remember(f"helm {key.hexdigest()}", lambda: self._output(view, unit))

    @override
    def inputs(self, view: View, unit: Unit) -> frozenset[str]:
        """The chart, the given values, the manifests that hold values; not the values of other environments."""
        return self._copied(view, unit) - (set(_values(view, unit.path)) - set(unit.values))

    def _copied(self, view: View, unit: Unit) -> frozenset[str]:
        """What is there when the chart is rendered: a template may read any file of its chart."""
        folders = (unit.path, *beside(view, unit.path).values())
        chart = (path for path in view.files() if any(below(path, folder) for folder in folders))
        return frozenset({*chart, *unit.values, *(item.path for item in unit.inline)})

    def _files(self, view: View, unit: Unit) -> dict[str, bytes]:
        """The files of the copy, dependencies that lie beside the chart in it too."""
        files = view.read_many(self._copied(view, unit))
        for place, folder in beside(view, unit.path).items():
            files |= {
                place + path.removeprefix(folder): data for path, data in files.items() if below(path, folder)
            }
        return files

    @override
    def attempts(self, view: View, unit: Unit, goals: Sequence[Goal]) -> Iterator[Attempt]:
        output = self._remembered(view, unit)
        objects = [obj for obj in load(output) if not is_hook(obj)]

        def trial(changes: dict[str, bytes | None], wanted: Sequence[Goal]) -> bool:
            try:
                after = [obj for obj in self.render(view.with_changes(changes), unit) if not is_hook(obj)]
                prove(objects, after, wanted, namespace=goals[0].object.namespace)
            except (ContractBroken, RenderFailed, SourceUnreadable):
                return False
            return True

        yield from charts.attempts(view, unit, goals, objects, trial)
        yield from charts.content_files(view, unit, goals)
        sources = templates.source_of(output)
        folder, others = unit.path.rpartition("/")[0], beside(view, unit.path)
        for wanted in dict.fromkeys(goal.object for goal in goals):
            obj = next((item for item in objects if ref(item, wanted.namespace) == wanted), {})
            own = [goal for goal in goals if goal.object == wanted]
            named = sources.get((wanted.kind, wanted.name), "")
            # Helm names templates by the chart's name, which need not be its folder's.
            paths = [f"{unit.path}/{named.partition('/')[2]}".lstrip("/"), f"{folder}/{named}".lstrip("/")]
            paths = [path for item in paths if view.read(path := real(item, others)) is not None]
            if not paths:
                # A subchart under an alias: Helm names the alias, not the folder.
                tail = f"/templates/{named.partition('/templates/')[2]}"
                folders = (unit.path, *others.values())
                files = (
                    file
                    for item in folders
                    for file in templates.template_files(view, item, (".yaml", ".yml"))
                )
                paths = [file for file in files if file.endswith(tail)]
            for path in dict.fromkeys((*paths, *templates.template_files(view, unit.path, (".tpl",)))):
                yield from templates.attempts(view, unit.path, path, own, obj)

    @override
    def shared(self, view: View, unit: Unit) -> Iterable[Unit]:
        for file in _values(view, unit.path):
            if file not in unit.values:
                yield Unit("helm", unit.path, values=(file,), release=unit.release, namespace=unit.namespace)
        parts = set(beside(view, unit.path).values())
        for chart in _charts(view) if parts else ():
            if chart != unit.path and parts & set(beside(view, chart).values()):
                yield Unit("helm", chart, release=unit.release, namespace=unit.namespace)


def _charts(view: View) -> list[str]:
    """Folders of charts that are deployed themselves: no subcharts, no dependencies of others, no libraries."""
    found = []
    names = [path.rpartition("/")[0] for path in view.files() if path.rpartition("/")[2] == "Chart.yaml"]
    used = {folder for name in names for folder in beside(view, name).values()}
    for path in view.files():
        folder, _, name = path.rpartition("/")
        if (
            name != "Chart.yaml"
            or folder in used
            or ("/charts/" in f"/{folder}/" and _inside_chart(view, folder))
        ):
            continue
        try:
            text = decode(path, view.read(path) or b"")
        except SelfhealError:
            continue
        if not re.search(r"^type:\s*[\"']?library", text, re.MULTILINE):
            found.append(folder)
    return found


def _inside_chart(view: View, folder: str) -> bool:
    """Whether a folder is a subchart: its ``charts`` folder lies in a chart."""
    parent = folder.rpartition("/")[0]
    return (
        parent.rpartition("/")[2] == "charts"
        and view.read(f"{parent.rpartition('/')[0]}/Chart.yaml".lstrip("/")) is not None
    )


def _values(view: View, chart: str) -> list[str]:
    """Files that may be values of an environment: beside the chart's defaults, or elsewhere named so."""
    found = []
    names = [path for path in view.files() if path.endswith((".yaml", ".yml"))]
    others = list(_other_charts(view, chart))
    for path in names:
        _folder, _, name = path.rpartition("/")
        if name in ("Chart.yaml", "kustomization.yaml") or path == f"{chart}/values.yaml".lstrip("/"):
            continue
        if (
            any(below(path, other) for other in others)
            or "/templates/" in f"/{path}"
            or "/crds/" in f"/{path}"
        ):
            continue
        if "/charts/" in path.removeprefix(chart) or not _ENVIRONMENT.search(path.removeprefix(chart)):
            continue
        data = view.read(path) or b""
        if re.search(rb"^(?:apiVersion|kind):", data, re.MULTILINE):
            continue
        found.append(path)
    return sorted(found, key=lambda path: (not below(path, chart), path))


def _other_charts(view: View, chart: str) -> list[str]:
    folders = [path.rpartition("/")[0] for path in view.files() if path.rpartition("/")[2] == "Chart.yaml"]
    return [folder for folder in folders if folder != chart and not below(chart, folder)]


def _release_names(view: View, chart: str, refs: Sequence[ObjectRef], namespace: str) -> list[str]:
    data = (view.read(f"{chart}/Chart.yaml".lstrip("/")) or b"").decode("utf-8", "replace")
    match = re.search(r"^name:\s*[\"']?([\w.-]+)", data, re.MULTILINE)
    names = [match.group(1)] if match else []
    for wanted in refs[:2]:
        parts = wanted.name.split("-")
        names += ["-".join(parts[:count]) for count in range(1, len(parts) + 1)]
    names += [chart.rpartition("/")[2], namespace]
    return [
        name for name in dict.fromkeys(names) if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?", name)
    ]


def _plain_number(value: str) -> bool:
    return value.isdecimal() or value in ("true", "false")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,")
