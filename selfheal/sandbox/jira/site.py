"""What an administrator set up: accounts, groups, priorities, issue types, fields, the project, its service desk.

Names and ids are those of a new Jira Service Management site where Atlassian fixes them; custom field ids are
numbered freely, as on every site, so a client that hard-codes one fails here too.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

_SPACE = uuid.UUID("8d4f5e0a-1c11-4c8e-9a55-2f9f7b8f7d10")


def stable_id(name: str) -> str:
    """The same UUID for the same name, so that runs compare."""
    return str(uuid.uuid5(_SPACE, name))


@dataclass(frozen=True)
class Account:
    """Somebody who may call. ``scopes`` ``None`` is an unscoped token; ``lacks`` names missing permissions."""

    login: str
    name: str
    groups: tuple[str, ...] = ()
    kind: str = "atlassian"
    active: bool = True
    token: str = ""
    scopes: frozenset[str] | None = None
    lacks: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return f"712020:{stable_id(self.login)}"

    @property
    def email(self) -> str:
        return f"{self.login}@example.com"

    @property
    def secret(self) -> str:
        return self.token or f"sandbox-{self.login}-token"


@dataclass(frozen=True)
class Named:
    """A priority, resolution or issue type."""

    id: str
    name: str
    description: str = ""


@dataclass(frozen=True)
class FieldInfo:
    """A field: ``type`` and ``items`` as in Jira's schema, ``custom`` the custom type's short name."""

    id: str
    name: str
    type: str
    items: str = ""
    custom: str = ""
    clause: str = ""
    editable: bool = False

    @property
    def number(self) -> int:
        return int(self.id.rpartition("_")[2]) if self.custom else 0


AGENTS = "jira-servicemanagement-users"
ON_CALL = "on-call"

ACCOUNTS = (
    Account("bot", "Selfheal Bot", (AGENTS,)),
    Account("maria", "Maria Okafor", (AGENTS, ON_CALL)),
    Account("jonas", "Jonas Weber", (AGENTS, ON_CALL)),
    Account("admin", "Site Admin", (AGENTS, "site-admins")),
    Account("customer", "Casey Customer", kind="customer"),
)

#: Rank order, the most urgent first, as the stock scheme has it.
PRIORITIES = (
    Named("1", "Highest", "This problem will block progress."),
    Named("2", "High", "Serious problem that could block progress."),
    Named("3", "Medium", "Has the potential to affect progress."),
    Named("4", "Low", "Minor problem or easily worked around."),
    Named("5", "Lowest", "Trivial problem with little or no impact on progress."),
)

ISSUE_TYPES = (
    Named(
        "10001", "[System] Incident", "For system outages or incidents. Created by Jira Service Management."
    ),
    Named(
        "10002",
        "[System] Service request",
        "For new features or requests. Created by Jira Service Management.",
    ),
    Named(
        "10003",
        "[System] Problem",
        "Track underlying causes of incidents. Created by Jira Service Management.",
    ),
)

RESOLUTIONS = (
    Named("10000", "Done", "Work has been completed on this issue."),
    Named("10001", "Won't Do", "This issue won't be actioned."),
    Named("10002", "Duplicate", "The problem is a duplicate of an existing issue."),
    Named("10003", "Known Error", "The problem has a documented root cause and a workaround."),
)

LINK_TYPES = (
    ("10000", "Blocks", "is blocked by", "blocks"),
    ("10001", "Duplicate", "is duplicated by", "duplicates"),
    ("10002", "Relates", "relates to", "relates to"),
    ("10003", "Problem/Incident", "is caused by", "causes"),
)

REQUEST_TYPE_FIELD = "customfield_10010"
PARTICIPANTS_FIELD = "customfield_10026"
SERVICES_FIELD = "customfield_10043"

FIELDS = (
    FieldInfo("summary", "Summary", "string", clause="summary", editable=True),
    FieldInfo("description", "Description", "string", clause="description", editable=True),
    FieldInfo("issuetype", "Issue Type", "issuetype", clause="issuetype"),
    FieldInfo("project", "Project", "project", clause="project"),
    FieldInfo("status", "Status", "status", clause="status"),
    FieldInfo("statusCategory", "Status Category", "statusCategory", clause="statusCategory"),
    FieldInfo("priority", "Priority", "priority", clause="priority", editable=True),
    FieldInfo("resolution", "Resolution", "resolution", clause="resolution"),
    FieldInfo("labels", "Labels", "array", "string", clause="labels", editable=True),
    FieldInfo("assignee", "Assignee", "user", clause="assignee", editable=True),
    FieldInfo("reporter", "Reporter", "user", clause="reporter", editable=True),
    FieldInfo("creator", "Creator", "user", clause="creator"),
    FieldInfo("created", "Created", "datetime", clause="created"),
    FieldInfo("updated", "Updated", "datetime", clause="updated"),
    FieldInfo("duedate", "Due date", "date", clause="due", editable=True),
    FieldInfo("comment", "Comment", "comments-page", clause="comment", editable=True),
    FieldInfo("issuelinks", "Linked Issues", "array", "issuelinks", editable=True),
    FieldInfo(REQUEST_TYPE_FIELD, "Request Type", "sd-customerrequesttype", custom="vp-origin"),
    FieldInfo(PARTICIPANTS_FIELD, "Request participants", "array", "user", custom="sd-request-participants"),
    FieldInfo(
        SERVICES_FIELD,
        "Affected services",
        "array",
        "service",
        custom="service-entity-field-cf",
        editable=True,
    ),
    FieldInfo(
        "customfield_10047", "Major incident", "array", "option", custom="multicheckboxes", editable=True
    ),
    FieldInfo("customfield_10050", "Urgency", "option", custom="select", editable=True),
    FieldInfo("customfield_10004", "Impact", "option", custom="select", editable=True),
    FieldInfo("customfield_10054", "Time to resolution", "sd-servicelevelagreement", custom="sd-sla-field"),
)


@dataclass
class Site:
    """One site with one service project."""

    project_key: str = "INC"
    project_name: str = "Incidents"
    project_id: str = "10000"
    desk_id: str = "1"
    cloud_id: str = ""
    accounts: dict[str, Account] = field(default_factory=lambda: {a.login: a for a in ACCOUNTS})
    priorities: tuple[Named, ...] = PRIORITIES
    issue_types: tuple[Named, ...] = ISSUE_TYPES
    resolutions: tuple[Named, ...] = RESOLUTIONS
    fields: tuple[FieldInfo, ...] = FIELDS
    default_priority: str = "3"

    # -- people --------------------------------------------------------------------------------------------

    def add_account(self, login: str, name: str = "", **more: object) -> Account:
        """A new account, or a changed one where the login exists."""
        known = self.accounts.get(login, Account(login, name or login.capitalize(), (AGENTS,)))
        changed = replace(known, **({"name": name} if name else {}), **more)  # type: ignore[arg-type] # checked by replace
        self.accounts[login] = changed
        return changed

    def by_login(self, login: str) -> Account:
        try:
            return self.accounts[login]
        except KeyError:
            raise ValueError(f"no account {login!r}; there are: {', '.join(self.accounts)}") from None

    def by_id(self, account_id: str | None) -> Account | None:
        return next((a for a in self.accounts.values() if a.id == account_id), None)

    def by_token(self, token: str) -> Account | None:
        return next((a for a in self.accounts.values() if a.active and a.secret == token), None)

    def named_user(self, text: str) -> Account | None:
        """As JQL reads a user: account id, e-mail address or full name."""
        wanted = text.casefold()
        return next(
            (a for a in self.accounts.values() if wanted in (a.id, a.email.casefold(), a.name.casefold())),
            None,
        )

    def found_users(self, query: str) -> list[Account]:
        """Whose name or e-mail address has a word that starts with ``query``, as Jira's user search."""
        wanted = query.casefold().strip()
        return [
            account
            for account in self.accounts.values()
            if any(word.startswith(wanted) for word in (account.name.casefold(), account.email))
            or any(word.startswith(wanted) for word in account.name.casefold().split())
        ]

    def assignable(self, account: Account) -> bool:
        return account.active and account.kind != "customer"

    def groups(self) -> list[str]:
        return sorted({group for account in self.accounts.values() for group in account.groups})

    def members(self, group: str) -> list[Account]:
        return [account for account in self.accounts.values() if group in account.groups]

    # -- things --------------------------------------------------------------------------------------------

    def field_info(self, field_id: str) -> FieldInfo | None:
        return next((info for info in self.fields if info.id == field_id), None)

    def priority(self, id_or_name: str) -> Named | None:
        return _pick(self.priorities, id_or_name)

    def issue_type(self, id_or_name: str) -> Named | None:
        return _pick(self.issue_types, id_or_name)

    def resolution(self, id_or_name: str | None) -> Named | None:
        return _pick(self.resolutions, id_or_name or "")


def _pick(things: tuple[Named, ...], id_or_name: str) -> Named | None:
    wanted = id_or_name.casefold()
    return next((one for one in things if wanted in (one.id, one.name.casefold())), None)
