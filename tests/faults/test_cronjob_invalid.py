"""cronjob-invalid: schedules, zones and suspension, and CronJobs that are not due."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.faults.cronjob_invalid import readable
from tests.faults.kit import event, found, only, remedy, root
from tests.support.cluster import Cluster, container


def cron(**spec: Any) -> Cluster:
    cluster = Cluster()
    template = {"metadata": {}, "spec": {"containers": [container()]}}
    body = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}, **spec}
    cluster.add("CronJob", "janitor", spec=body, status={})
    return cluster


@pytest.mark.parametrize(
    ("spec", "variant", "field"),
    [
        ({"suspend": True}, "suspend", "/spec/suspend"),
        ({"schedule": "0 25 * * *"}, "schedule", "/spec/schedule"),
        ({"schedule": "every day"}, "schedule", "/spec/schedule"),
        ({"timeZone": "europe"}, "time-zone", "/spec/timeZone"),
        ({"startingDeadlineSeconds": 3}, "deadline", "/spec/startingDeadlineSeconds"),
    ],
)
def test_variants(spec: dict[str, Any], variant: str, field: str) -> None:
    cluster = cron(**spec)
    finding = only("cronjob-invalid", cluster)
    assert finding.variant == variant
    assert remedy(finding).edits[0].field == field
    assert root(cluster) == ("cronjob-invalid", "CronJob shop/janitor")


def test_controllers_word() -> None:
    cluster = cron(timeZone="Europe/Atlantis")
    event(cluster, cluster.objects[0], "UnknownTimeZone", 'invalid timeZone: "Europe/Atlantis"')
    assert only("cronjob-invalid", cluster).confidence > 0.95


@pytest.mark.parametrize(
    "schedule", ["*/5 * * * *", "0 3 1-7 * MON-FRI", "@daily", "TZ=UTC 0 3 * * *", "0,30 8-18/2 * JAN,JUL 1"]
)
def test_readable(schedule: str) -> None:
    assert readable(schedule)


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    assert readable(text) in (True, False)


def test_lookalike_not_due() -> None:
    cluster = cron()
    assert not found("cronjob-invalid", cluster)
    cluster.deployment("web", {"containers": [container()]})
    assert root(cluster)[0] == "healthy"


def test_lookalike_complaint_about_an_earlier_schedule() -> None:
    cluster = cron()
    event(cluster, cluster.objects[0], "UnparseableSchedule", "unparseable schedule: 99 * * * *")
    assert not found("cronjob-invalid", cluster)
