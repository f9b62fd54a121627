"""The link to an incident: people's address of the site where the record says it, and never a stranger's."""

from __future__ import annotations

import pytest

from selfheal.jsm.incident import parse

API = "https://api.atlassian.com/ex/jira/c-1"


def _url(site: str, asked: str = API) -> str:
    record = {
        "version": 1,
        "state": "INCIDENT_DETECTED",
        "entered": "2026-11-24T03:15:00Z",
        "mirror": {"site": site},
    }
    issue = {"id": "10", "key": "INC-1", "fields": {}, "properties": {"selfheal": record}}
    return parse(issue, site_url=asked, services_field="", read_at=0.0).incident.url


def test_the_sites_own_address_is_what_people_get():
    assert _url("https://acme.atlassian.net") == "https://acme.atlassian.net/browse/INC-1"
    assert _url("https://jira.acme.example", "https://jira.acme.example/api").startswith(
        "https://jira.acme.example/browse"
    )


@pytest.mark.parametrize(
    "site",
    [
        "https://evil.example",
        "https://atlassian.net.evil.example",
        "http://acme.atlassian.net",
        "https://evil@acme.atlassian.net",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_edited_record_leads_nobody_astray(site):
    assert _url(site) == f"{API}/browse/INC-1"
