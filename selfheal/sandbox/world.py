"""The three servers as one world: scenarios staged in them, and the variables a client needs to reach it.

A scenario begins while all is well: the application's repository is applied and settles. Then its change is committed
and applied, and the incident is filed as a person would. From there on the world lives in real time (the cluster
``time_factor`` times faster), with a GitOps loop that applies what is merged.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from selfheal.sandbox import scenario as scenery
from selfheal.sandbox.emulator import Emulator
from selfheal.sandbox.github.app import GitHubEmulator
from selfheal.sandbox.github.timing import Clock, MachineClock
from selfheal.sandbox.gitops import GitOpsLoop, helm
from selfheal.sandbox.images import behaviour
from selfheal.sandbox.jira.app import JiraEmulator
from selfheal.sandbox.kubernetes.app import KubernetesEmulator
from selfheal.sandbox.scenario import Application, Scenario

PARTS = ("jira", "github", "kubernetes")
#: Virtual seconds the application runs well before the change, and the change is in force before it is noticed.
WELL, ILL = 900.0, 420.0
#: Real seconds between looks at the branch.
SYNC = 0.2
#: The simulated person who approves; who gets what the crew cannot finish.
REVIEWER = "mara-simulated"
ESCALATION = "on-call"


class World:
    """Servers started and scenarios staged on entering, all stopped on leaving.

    ``directory`` keeps the repositories and the kubeconfig ("" or None: a folder that is removed at the end). ``only``
    serves fewer parts; what is not served is reached elsewhere. ``approve_after``: seconds until the simulated person
    approves a pull request; None: nobody does. ``clock`` is that of Jira and GitHub, and of what was staged. ``sync`` is
    real seconds between two looks of the GitOps loop at the branch; None: only `settle` looks. ``folder`` holds the
    scenarios and their applications. ``protected``: whether main takes only what was approved and built.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        scenarios: Sequence[str] = (),
        only: Sequence[str] = PARTS,
        time_factor: float = 20.0,
        approve_after: float | None = 0.5,
        clock: Clock | None = None,
        sync: float | None = SYNC,
        folder: Path = scenery.FOLDER,
        protected: bool = True,
    ) -> None:
        self._stack = ExitStack()
        self._directory = directory
        self._names = tuple(scenarios)
        self._only = tuple(only)
        self._scenery = folder
        self._protected = protected
        self.clock = clock or MachineClock()
        self._sync = sync
        self._approve_after = approve_after
        self.reviewer = REVIEWER
        #: What was filed, by the incident's key.
        self.incidents: dict[str, Scenario] = {}
        self.applications: dict[str, Application] = {}
        self.gitops: list[GitOpsLoop] = []
        self._time_factor = time_factor

    def __enter__(self) -> World:
        folder = self._directory
        if folder is None:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="selfheal-sandbox-")))
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.jira = JiraEmulator(now=self.clock.now)
        self.github = GitHubEmulator(folder / "repositories", clock=self.clock, ci="success")
        # What is staged happened before now.
        began = self.clock.now().timestamp() - WELL - ILL
        self.kubernetes = KubernetesEmulator(time_factor=self._time_factor, start=began)
        for name in self._only:
            server: Emulator = getattr(self, name)
            self._stack.enter_context(server)
        try:
            self._stage([scenery.load(name, self._scenery) for name in self._names])
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # -- staging -------------------------------------------------------------------------------------------

    def _stage(self, staged: list[Scenario]) -> None:
        for name in dict.fromkeys(scenario.application for scenario in staged):
            app = scenery.application(name, self._scenery)
            self.applications[name] = app
            ours = [scenario for scenario in staged if scenario.application == name]
            self._stage_application(app, ours)
        if "jira" in self._only:
            for scenario in staged:
                self.file(scenario)

    def _stage_application(self, app: Application, staged: list[Scenario]) -> None:
        commits = scenery.history(app, staged, self.clock.now())
        history = [(commit.message, commit.files, commit.author, commit.at) for commit in commits]
        self.github.add_repository(app.repository, {}, history=history)
        if self._protected:
            # As a repository that a crew may merge into should be kept: nothing without approval and a green build.
            self.github.protect(app.repository, "main", approvals=1, checks=("ci",))
        if self._approve_after is not None:
            self.github.auto_approve(REVIEWER, self._approve_after)
        for name, document in app.images.items():
            self.kubernetes.images[name] = behaviour(document)
        self.kubernetes.apply(list(app.cluster))
        loop = GitOpsLoop(
            self.kubernetes, self.github.bare(app.repository), "main", app.path, self._sync or SYNC,
            renderer=helm(app.release, app.namespace, app.values) if app.values else None,
        )  # fmt: skip
        self.gitops.append(loop)
        loop.sync(len(commits) - 1)
        self.kubernetes.advance(WELL)
        loop.sync()
        for scenario in staged:
            self.kubernetes.apply(list(scenario.by_hand))
        self.kubernetes.advance(ILL)
        if self._sync is not None:
            loop.start()
            self._stack.callback(loop.stop)

    def settle(self, seconds: float) -> None:
        """Lets ``seconds`` of the cluster's time pass at once, what was merged applied before."""
        for loop in self.gitops:
            loop.sync()
        self.kubernetes.advance(seconds)

    def file(self, scenario: Scenario) -> str:
        """Files a scenario's incident, assigned to the bot; answers its key."""
        key = self.jira.file_incident(**scenario.incident, assignee="bot")
        self.incidents[key] = scenario
        return key

    # -- reaching it ---------------------------------------------------------------------------------------

    def addresses(self) -> dict[str, str]:
        """The servers, by name."""
        return {name: getattr(self, name).url for name in self._only}

    def environ(self) -> dict[str, str]:
        """The variables for `selfheal`, for the parts that are served. Tokens in it are the sandbox's own."""
        found: dict[str, str] = {}
        if "jira" in self._only:
            found |= {
                "ATLASSIAN_API_URL": self.jira.url,
                "ATLASSIAN_TOKEN": self.jira.token("bot"),
                "SELFHEAL_JIRA_PROJECT": "INC",
                "SELFHEAL_JIRA_ESCALATION": ESCALATION,
                # A write is seen at once here, so a claim need not settle for long.
                "SELFHEAL_JIRA_SETTLE": "0.8",
            }
        if "github" in self._only:
            app = next(iter(self.applications.values()), None)
            found |= {
                "SELFHEAL_GITHUB_API_URL": self.github.url,
                "SELFHEAL_GITHUB_SERVER_URL": self.github.url,
                "SELFHEAL_GITHUB_TOKEN": self.github.bot_token,
                "SELFHEAL_GITHUB_REPOSITORY": app.repository if app else "",
                # A person is simulated here: looking every fraction of a second costs nobody anything.
                "SELFHEAL_GITHUB_POLL": "0.2",
                "SELFHEAL_GITHUB_WAIT_FOR_REVIEW": "20",
            }
        if "kubernetes" in self._only:
            path = self.folder / "kubeconfig"
            self.kubernetes.write_kubeconfig(path)
            # The cluster lives faster than the client's clock.
            found |= {
                "SELFHEAL_KUBECONFIG": str(path.resolve()),
                "SELFHEAL_VERIFICATION_SOAK": "2",
                "SELFHEAL_VERIFICATION_INTERVAL": "0.4",
                "SELFHEAL_VERIFICATION_SAMPLES": "4",
                "SELFHEAL_VERIFICATION_ROLLOUT_TIMEOUT": "60",
            }
        return found

    def env_file(self, path: Path) -> None:
        """Writes :meth:`environ` for a shell, readable by its owner alone."""
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in self.environ().items())
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text, encoding="utf-8")
