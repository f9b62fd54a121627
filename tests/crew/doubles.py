"""Doubles with the interface of the real packages: a State Manager in memory, a cluster, a repository."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from selfheal.config import Service, Settings
from selfheal.errors import Conflict, NotFound
from selfheal.incidents import rules
from selfheal.incidents.proofs import ClaimLive, HandoverReason
from selfheal.incidents.record import PatchPointer, Record, Source, Target
from selfheal.incidents.states import ENDED, Stage, State
from selfheal.jsm import sections
from selfheal.jsm.incident import Account, Incident
from selfheal.jsm.metadata import checked
from selfheal.repair.envelope import digest
from selfheal.repository.foldertree import FolderTree
from selfheal.stages.work import Work
from tests.support.cluster import Cluster, container, crashing

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "OPS-1"

MANIFEST = """\
# the cart of the shop
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: shop
spec:
  replicas: 1
  selector:
    matchLabels: {app: cart}
  template:
    metadata:
      labels: {app: cart}
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/app:1.0
          resources:
            limits:
              memory: 128Mi
"""


class FakeClock:
    """Time that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


class FakeLease:
    def __init__(self, manager, key, stage):
        self.manager, self.key, self.stage = manager, key, stage
        self.nonce, self.epoch, self.lost = secrets.token_hex(4), len(manager.claims) + 1, False
        self.done = False

    def check(self):
        if self.lost:
            raise Conflict(f"The claim on {self.key} is over.", code="claim-lost")

    def release(self):
        self.done = self.done or not self.lost
        self.lost = True
        self.manager.holders.pop(self.key, None)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.release()


class FakeManager:
    """The State Manager's interface over a dictionary; steps go through the real rules."""

    def __init__(self, clock, incidents=()):
        self.clock = clock
        self.incidents = {incident.key: incident for incident in incidents}
        self.verifiers, self.holders, self.patches = {}, {}, {}
        self.claims, self.told, self.steps, self.renewals = [], [], [], 0
        self.failures, self.postponed, self.links = [], [], []
        self.requests = self.writes = 0

    def load(self, key):
        self.requests += 1
        if key not in self.incidents:
            raise NotFound(f"There is no {key}.")
        return self.incidents[key]

    show = heed = seen = load

    def adopt(self, key):
        incident = self.load(key)
        if incident.record is None:
            self._keep(replace(incident, record=Record(entered=self.clock.now())))
        return self.incidents[key]

    begin = adopt

    def fetch(self, assignee="", priority="", status="", max_results=10):
        return [item for item in self.incidents.values() if item.record is None][:max_results]

    def search(self, states=(), max_results=50):
        found = [
            item
            for item in self.incidents.values()
            if item.record is not None
            and (item.record.state in states if states else item.record.state not in ENDED)
        ]
        return found[:max_results]

    def recent(self, days, max_results):
        return [item for item in self.incidents.values() if item.record is not None][:max_results]

    def claim(self, key, stage, *, enter=None):
        if key in self.holders:
            raise Conflict(f"{key} is held.", code="claimed")
        lease = FakeLease(self, key, Stage(stage))
        self.claims.append((key, stage))
        self.holders[key] = lease
        if enter is not None:
            self.transition(key, enter, lease=lease)
        return lease

    def release(self, lease):
        lease.release()

    def handed(self, key):
        return {}

    def renew(self, lease):
        lease.check()
        self.renewals += 1

    def transition(self, key, to, metadata=None, *, lease=None, last=False, tells=None):
        self.writes += 1
        said = checked(metadata)
        record = self.incidents[key].record
        wanted = rules.proof_for(record.state, to)
        lease = lease or self.holders.get(key) or FakeLease(self, key, record.served_by or Stage.COORDINATE)
        lease.check()
        if ClaimLive in wanted:
            proof = ClaimLive(
                incident=key, attempt=record.attempt, stage=lease.stage, nonce=lease.nonce, epoch=lease.epoch
            )
        elif HandoverReason in wanted:
            proof = HandoverReason(
                incident=key, attempt=record.attempt, code=said.code, reason=said.reason or said.note
            )
        else:
            proof = self.verifiers[to].verify(key, record)
        note = said.note or said.reason
        after = rules.advance(key, record, to, proof, at=self.clock.now(), stage=str(lease.stage), note=note)
        self.steps.append((str(record.state), str(to)))
        comment = tells(after) if tells else None
        if comment:
            self.tell(key, *comment)
        if last:
            lease.release()
        return self._keep(replace(self.incidents[key], record=after))

    def update(self, key, section, value, *, lease=None, later=False):
        self.writes += 1
        lease = lease or self.holders[key]
        lease.check()
        record = sections.with_section(self.incidents[key].record, lease.stage, section, value)
        return self._keep(replace(self.incidents[key], record=record))

    def put_patch(self, key, data, *, lease=None):
        self.writes += 1
        pointer = PatchPointer(digest=digest(data), chunks=1, size=len(data))
        self.patches[pointer.digest] = data
        return pointer

    def get_patch(self, key, pointer):
        return self.patches[pointer.digest]

    def tell(self, key, name, blocks, *, lease=None):
        # Like the real one: the same name is told once.
        if all((key, name) != told[:2] for told in self.told):
            self.told.append((key, name, list(blocks)))

    def link(self, key, other, *, lease=None):
        self.links.append((key, other))

    def postpone(self, key, seconds, why):
        self.postponed.append((key, seconds, why))

    def note_failure(self, key, stage, error):
        self.failures.append((key, stage, error.code))

    def stands_for(self, record):
        return self.clock.now() - record.entered

    def overdue(self, incident):
        return False

    def described(self):
        return []

    def _keep(self, incident):
        self.incidents[incident.key] = incident
        return incident


class FakeCluster:
    """Answers one prepared snapshot, and counts how often it is asked."""

    def __init__(self, snapshot):
        self.found, self.asked = snapshot, 0

    def snapshot(self, namespaces=None, *, logs_for=None):
        self.asked += 1
        return self.found


def incident(key=KEY, summary="cart keeps restarting", record=None, **more):
    base = Incident(
        key=key, summary=summary, description="", status="Open", status_category="new", priority="High",
        issue_type="[System] Incident", project="OPS", assignee=Account("bot", "bot"), reporter=None, labels=(),
        services=(), created=START, updated=START, url=f"https://jira.example/browse/{key}", record=record,
    )  # fmt: skip
    return replace(base, **more)


def record(state=State.INCIDENT_DETECTED, **more):
    given = {
        "target": Target(environment="production", namespace="shop", kind="Deployment", name="cart"),
        "source": Source(repository="acme/shop", path="deploy"),
        **more,
    }
    return Record(state=state, entered=START, **given)


def settings(**more):
    base = {
        "services": (Service(name="cart", namespace="shop", workloads=("Deployment/cart",), path="deploy"),),
        "endpoints": {"github_repository": "acme/shop"},
        "mode": "heal",
    }
    return Settings.model_validate({**base, **more})


def killed_cart():
    """A Deployment whose only container is killed for its memory, with what its log says."""
    cluster = Cluster()
    cluster.deployment(
        "cart", {"containers": [container(resources={"limits": {"memory": "128Mi"}})]},
        status=crashing("OOMKilled", 137),
    )  # fmt: skip
    cluster.log("cart-new-0", "app", "loading the catalogue of 40000 products\npassword=hunter2secret\n")
    cluster.event("cart-new-0", "BackOff", "Back-off restarting failed container app")
    return cluster


def healthy_cart():
    cluster = Cluster()
    cluster.deployment("cart", {"containers": [container(resources={"limits": {"memory": "256Mi"}})]})
    return cluster


def repository(folder: Path) -> FolderTree:
    (folder / "deploy").mkdir(parents=True)
    (folder / "deploy/cart.yaml").write_text(MANIFEST)
    (folder / "docs/runbooks").mkdir(parents=True)
    (folder / "docs/runbooks/cart.md").write_text(
        "# Cart\n\n## Memory\nThe cart keeps its catalogue in memory; 40000 products need 200 MiB.\n\n"
        "## Payments\nCalls the payment provider.\n"
    )
    return FolderTree(folder)


def work(manager, stage, *, key=KEY, settings_=None, clock=None, cluster=None, tree=None, pulls=None):
    made = Work(
        stage=stage, key=key, settings=settings_ or settings(), clock=clock or manager.clock, manager=manager
    )
    made.incident = manager.incidents[key]
    for name, source in (("cluster", cluster), ("tree", tree), ("pulls", pulls)):
        if source is not None:
            made.__dict__[name] = source
    return made
