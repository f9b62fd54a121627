"""What a way of deploying is to the rest of repair."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from selfheal.errors import NeedsPerson
from selfheal.incidents.record import ObjectRef
from selfheal.repair.goal import Goal
from selfheal.repair.objects import Object
from selfheal.repair.view import View

Kind = Literal["plain", "kustomize", "helm"]


class SourceUnreadable(NeedsPerson):
    """A source cannot be rendered as it stands: broken, remote, encrypted, or made by a tool that is not run here."""

    code = "source-unreadable"


@dataclass(frozen=True)
class InlineValues:
    """Helm values that stand in a manifest (a HelmRelease, an Application, a ConfigMap): file, document, where in it.

    ``form``: as a mapping, as a text, or as a list of ``name`` and ``value`` like ``helm --set`` takes them.
    """

    path: str
    document: int
    at: tuple[str, ...]
    form: Literal["mapping", "text", "parameters"] = "mapping"


@dataclass(frozen=True)
class Overlay:
    """What a manifest of Argo CD or Flux lays over a kustomization: file, document, where in it.

    ``variables`` are the places of what Flux fills in after the build, later ones count: (file, document, path).
    """

    path: str
    document: int
    at: tuple[str, ...]
    tool: Literal["argo", "flux"]
    variables: tuple[tuple[str, int, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Unit:
    """One thing that is deployed: a folder rendered in one way.

    ``files`` are the manifests of a plain unit. ``values`` are Helm values files in order, relative to the root of
    the repository; ``parameters`` further ``--set`` pairs. ``namespace`` counts for objects that name none.
    ``origin`` says how the unit is known ("" when only found by looking). ``blocked`` says why a unit that is known to
    deploy something cannot be rendered here.
    """

    kind: Kind
    path: str
    files: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    inline: tuple[InlineValues, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    release: str = ""
    namespace: str = ""
    origin: str = ""
    overlay: Overlay | None = None
    blocked: str = ""

    def __str__(self) -> str:
        if self.kind == "plain":
            return ", ".join(self.files)
        named = [*self.values, *(item.path for item in self.inline)]
        with_values = f" with {', '.join(named)}" if named else ""
        return f"{self.kind} {self.path or '.'}{with_values}"


@dataclass(frozen=True)
class Attempt:
    """One possible edit: changed files (None: removed) and in words what it does."""

    changes: dict[str, bytes | None] = field(hash=False)
    what: str


class Source(ABC):
    """Adapter for one way of deploying. All methods raise SourceUnreadable for what cannot be rendered safely."""

    kind: ClassVar[Kind]

    @abstractmethod
    def units(
        self,
        view: View,
        refs: Sequence[ObjectRef],
        path: str,
        namespace: str,
        releases: Sequence[str] = (),
    ) -> Iterable[Unit]:
        """Units below ``path`` that may render the objects; ``releases`` are names that the running ones give."""

    def stacked(self, view: View, unit: Unit) -> Iterable[Unit]:
        """The unit with one more file of values, for where nothing says which are given."""
        return ()

    @abstractmethod
    def render(self, view: View, unit: Unit) -> list[Object]:
        """The objects, as a sync would apply them."""

    def fresh(self, view: View, unit: Unit) -> list[Object]:
        """The same rendered anew, for sources whose answer may vary from one time to the next."""
        return self.render(view, unit)

    def unless_refused(self, view: View, changed: View, unit: Unit) -> None:
        """Raises RenderFailed where a change makes values that a chart's own schema refuses."""
        return

    def hooks(self, view: View, unit: Unit) -> list[Object]:
        """What runs beside a sync instead of being kept: the hooks of a chart, tests left out."""
        return []

    @abstractmethod
    def inputs(self, view: View, unit: Unit) -> frozenset[str]:
        """Files that the rendering reads."""

    @abstractmethod
    def attempts(self, view: View, unit: Unit, goals: Sequence[Goal]) -> Iterator[Attempt]:
        """Edits that may bring the goals about, the best first. Each is proven by rendering before it counts."""

    def shared(self, view: View, unit: Unit) -> Iterable[Unit]:
        """Other units that read some of the same files: other environments."""
        return ()
