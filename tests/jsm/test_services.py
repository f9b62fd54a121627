"""The field of affected services: JSM's own or the configured one, whatever its type, and what is said when it is not there."""

from __future__ import annotations

from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from selfheal.errors import ConfigurationProblem
from selfheal.jsm.manager import JSMStateManager
from selfheal.jsm.services import field_of, names_in
from tests.jsm.support import FakeClock, settings_for

URL = "https://api.atlassian.com/ex/jira/cloud-1"
OWN = {
    "id": "customfield_10050",
    "name": "Affected services",
    "schema": {"type": "array", "custom": "com.atlassian.jira.plugins.cmdb:service-entity-field-cftype"},
}
TEXT = {"id": "customfield_10123", "name": "Application", "schema": {"type": "string"}}
FIELDS = [{"id": "summary", "name": "Summary"}, {"id": "components", "name": "Components"}, TEXT]
DOCUMENT = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "cart, checkout"}]}],
}


@pytest.mark.parametrize(
    ("fields", "configured", "expected"),
    [
        ([*FIELDS, OWN], "", "customfield_10050"),
        (FIELDS, "", ""),
        (FIELDS, "customfield_10123", "customfield_10123"),
        (FIELDS, "application", "customfield_10123"),
        (FIELDS, "Components", "components"),
        # Who names a field means that one.
        ([*FIELDS, OWN], "Application", "customfield_10123"),
    ],
)
def test_which_field_it_is(fields: list[dict[str, Any]], configured: str, expected: str) -> None:
    assert field_of(fields, configured) == expected


def test_a_field_that_does_not_exist_is_said_with_those_called_nearly_so() -> None:
    with pytest.raises(ConfigurationProblem) as refused:
        field_of(FIELDS, "Aplication")
    assert "jira.services_field" in refused.value.message
    assert "Application" in refused.value.hint


def test_a_name_that_several_fields_have_is_asked_about() -> None:
    with pytest.raises(ConfigurationProblem, match="customfield_10123, customfield_2"):
        field_of([*FIELDS, {**TEXT, "id": "customfield_2"}], "Application")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cart", ("cart",)),
        ("cart; checkout,\n cart", ("cart", "checkout")),
        ({"value": "Billing, EU"}, ("Billing, EU",)),
        ([{"name": "cart"}, {"name": "checkout"}], ("cart", "checkout")),
        (["cart", "checkout"], ("cart", "checkout")),
        ({"value": "Shop", "child": {"value": "cart"}}, ("cart",)),
        (DOCUMENT, ("cart", "checkout")),
        (None, ()),
        ([], ()),
        # Objects of Assets come without a name.
        ([{"workspaceId": "w", "objectId": "7"}], ()),
    ],
)
def test_names_in_fields_of_every_type(value: Any, expected: tuple[str, ...]) -> None:
    assert names_in(value) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["name", "value", "child", "type", "content", "text"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_stands_in_the_field_is_read_without_a_fuss(value: Any) -> None:
    found = names_in(value)
    assert all(isinstance(name, str) and name == name.strip() and name for name in found)
    assert len(set(found)) == len(found)


def issue(**fields: Any) -> dict[str, Any]:
    held = {
        "summary": "pages do not load",
        "issuetype": {"name": "[System] Incident"},
        "project": {"key": "INC"},
        **fields,
    }
    return {"id": "1", "key": "INC-1", "fields": held}


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_configured_field_is_asked_for_and_read(dry_run: bool) -> None:
    settings = settings_for(URL, "token", jira={"services_field": "Application"}, dry_run=dry_run)
    with responses.RequestsMock() as http:
        http.get(f"{URL}/rest/api/3/field", json=[*FIELDS, OWN])
        http.get(f"{URL}/rest/api/3/issue/INC-1", json=issue(customfield_10123="cart"))
        manager = JSMStateManager.connect(settings, clock=FakeClock())
        assert manager.show("INC-1").services == ("cart",)
        asked = http.calls[1].request.params["fields"].split(",")
    assert "customfield_10123" in asked
    assert "customfield_10050" not in asked


def test_a_site_without_the_configured_field_stops_before_anything_is_written() -> None:
    settings = settings_for(URL, "token", jira={"services_field": "Aplication"})
    with responses.RequestsMock() as http:
        http.get(f"{URL}/rest/api/3/field", json=FIELDS)
        with pytest.raises(ConfigurationProblem):
            JSMStateManager.connect(settings, clock=FakeClock()).adopt("INC-1")
        assert [call.request.method for call in http.calls] == ["GET"]
