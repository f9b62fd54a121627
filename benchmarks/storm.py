"""A storm: 500 open incidents and 8 crews at once, State Manager and analysis level only.

Run with ``python benchmarks/storm.py [INCIDENTS] [CREWS]``. Each crew is a process that looks for work like a run does,
takes an incident up, analyses it trivially, and completes it or hands it over. The site limits writes per issue as
Jira Cloud does. Aim: each incident is handled once and none is lost, judged by the site's own store and not by what the
crews say; the program ends with 1 when that is not so.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections import Counter
from typing import Any

from selfheal import config
from selfheal.clock import SystemClock
from selfheal.errors import Conflict, Outage
from selfheal.incidents import record as records
from selfheal.incidents.proofs import EvidenceResolved, Proof
from selfheal.incidents.record import Analysis, Evidence, ObjectRef, Record
from selfheal.incidents.states import Stage, State
from selfheal.jsm.manager import Incident, JSMStateManager
from selfheal.sandbox.jira.app import JiraEmulator

#: Incidents a crew asks for at once.
BATCH = 24
#: Seconds after which the benchmark gives up.
PATIENCE = 900
#: Seconds a claim is waited for before it is trusted. The site is one process on a busy machine.
SETTLE = 2.0
POD = ObjectRef(kind="Deployment", namespace="shop", name="cart")


class Cited:
    """Proves an analysis whose evidence is in it: there is no cluster here to look it up in."""

    def verify(self, key: str, record: Record) -> Proof:
        """The proof for ANALYSIS_COMPLETE."""
        found = record.analysis
        ids = tuple(item.id for item in found.evidence) if found else ()
        return EvidenceResolved(
            incident=key, attempt=record.attempt, snapshot_digest="none", evidence_ids=ids
        )


def analysis(incident: Incident) -> Analysis:
    """Every third incident has no cause that could be named."""
    number = int(incident.key.rpartition("-")[2])
    if number % 3 == 0:
        return Analysis(verdict="unknown", summary="No cause could be named.")
    item = Evidence(id="e1", source="object", object=POD, field="/status", message="OOMKilled")
    return Analysis(
        verdict="fault", fault="oom-killed", object=POD, evidence=(item,), summary="cart is killed"
    )


def served(manager: JSMStateManager, key: str) -> bool:
    """What the first two stages do with an incident. False when it is another crew's, or done."""
    incident = manager.heed(key)
    if incident.record is None:
        incident = manager.begin(key)
    record = incident.record
    if record is None or record.state not in (State.INCIDENT_DETECTED, State.ANALYSIS_IN_PROGRESS):
        return False
    with manager.claim(key, Stage.ANALYZE, enter=State.ANALYSIS_IN_PROGRESS) as lease:
        found = analysis(incident)
        manager.update(key, "analysis", found, lease=lease, later=True)
        if found.verdict == "fault":
            manager.transition(
                key, State.ANALYSIS_COMPLETE, lease=lease, last=True,
                tells=lambda _record: ("analysis", [found.summary]),
            )  # fmt: skip
        else:
            reason = {"code": found.verdict, "reason": found.summary}
            manager.transition(key, State.INCIDENT_REQUIRES_HUMAN, reason, lease=lease)
    return True


def crew(name: str, settings: config.Settings, results: Any) -> None:
    """One crew: until nothing is new and nothing is left half-done."""
    manager = JSMStateManager.connect(
        settings, clock=SystemClock(), run_id=name, verifiers={State.ANALYSIS_COMPLETE: Cited()}
    )
    # Crews that start at different ends meet less often.
    order = random.Random(name)
    count: Counter[str] = Counter()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            found = manager.fetch(max_results=BATCH, brief=True)
            found = found or manager.search((State.INCIDENT_DETECTED, State.ANALYSIS_IN_PROGRESS), BATCH)
        except Outage:
            count["outages"] += 1
            continue
        if not found:
            break
        order.shuffle(found)
        for incident in found:
            try:
                count["served" if served(manager, incident.key) else "met"] += 1
            except Conflict:
                count["met"] += 1
            except Outage:
                count["outages"] += 1
    results.put((name, dict(count), manager.requests, manager.writes))


def problems(jira: JiraEmulator, keys: list[str]) -> list[str]:
    """What is wrong with the incidents as the site holds them."""
    found = []
    for key in keys:
        issue = jira.store.issues[key]
        stored = issue.properties.get("selfheal")
        if stored is None:
            found.append(f"{key} was lost: nobody took it up")
            continue
        record = records.load(stored)
        steps = [step.to_state for step in record.history]
        last = (
            State.INCIDENT_REQUIRES_HUMAN if int(key.rpartition("-")[2]) % 3 == 0 else State.ANALYSIS_COMPLETE
        )
        if steps != [State.ANALYSIS_IN_PROGRESS, last] or record.claim is not None:
            found.append(f"{key} is in {record.state} after {', '.join(steps) or 'no step'}")
        if len({step.run for step in record.history}) != 1 or record.epoch != 1:
            found.append(f"{key} was handled by more than one crew")
        if len(issue.comments) != 1:
            found.append(f"{key} has {len(issue.comments)} comments instead of one")
    return found


def main(incidents: int, crews: int) -> None:
    with JiraEmulator() as jira:
        jira.behaviour.per_issue_limit = True
        keys = [jira.file_incident(summary=f"cart is down ({number})") for number in range(incidents)]
        settings = config.Settings.model_validate(
            {
                "endpoints": {"jira_url": jira.url, "jira_token": jira.token("bot")},
                "jira": {"project": "INC", "settle": SETTLE, "lease": 120, "taker_wait": 20},
            }
        )
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        began = time.monotonic()
        processes = [
            context.Process(target=crew, args=(f"crew-{number}", settings, results))
            for number in range(crews)
        ]
        for process in processes:
            process.start()
        told = sorted(results.get(timeout=PATIENCE + 60) for _process in processes)
        for process in processes:
            process.join()
        seconds = time.monotonic() - began
        wrong = problems(jira, keys)
        refused = sum(row["status"] == 429 for row in jira.requests)
        writes = sum(1 for row in jira.requests if row["effect"])
        asked = len(jira.requests)
    print(
        f"{incidents} incidents, {crews} crews: {seconds:.0f} s; {incidents - len(wrong)} handled exactly once"
    )
    print(
        f"requests {asked} ({asked / incidents:.1f} an incident), writes {writes} ({writes / incidents:.1f}), 429s {refused}"
    )
    print("crew     served   met  outages  requests")
    for name, count, requests, _writes in told:
        print(
            f"{name:<8} {count.get('served', 0):>6} {count.get('met', 0):>5} {count.get('outages', 0):>8} {requests:>9}"
        )
    for text in wrong[:20]:
        print(f"WRONG: {text}")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["500", "8"][len(sys.argv[1:]) :])))
