"""Names of people, priorities and statuses, resolved against the site before they are used.

Jira answers an unknown name in JQL with an error, and stock sites have no priority "Critical".
"""

from __future__ import annotations

import zlib
from typing import Final

from selfheal.config import Settings
from selfheal.errors import UsageProblem
from selfheal.jsm.incident import Account, account
from selfheal.jsm.site import JiraSite

_CRITICAL: Final = "critical"


class Directory:
    """Looks names up once a process."""

    def __init__(self, site: JiraSite, settings: Settings) -> None:
        self._site = site
        self._settings = settings.jira
        self._me: Account | None = None
        self._priorities: list[str] = []
        self._statuses: list[str] = []
        self._base_url = ""

    def me(self) -> Account:
        """The account of the token. Raises CredentialProblem when the site does not know it."""
        if self._me is None:
            document = self._site.myself()
            found = account(document)
            if found is None:
                raise UsageProblem("Jira does not say whose token this is.", hint="Check ATLASSIAN_TOKEN.")
            self._me = found
        return self._me

    def base_url(self) -> str:
        """The site's address for people, which is not the API's."""
        if not self._base_url:
            self._base_url = str(self._site.server_info().get("baseUrl") or "").rstrip("/")
        return self._base_url

    def priorities(self, names: str) -> list[str]:
        """The site's spelling of a comma list such as ``High,Critical``; [] for "".

        Raises UsageProblem for a name that the site does not have.
        """
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        if not wanted:
            return []
        if not self._priorities:
            self._priorities = self._site.priorities()
        known = {name.casefold(): name for name in self._priorities}
        found: list[str] = []
        for name in wanted:
            spelled = known.get(name.casefold())
            if spelled is None and name.casefold() == _CRITICAL:
                spelled = known.get(self._settings.critical_priority.casefold())
                spelled = spelled or (self._priorities[0] if self._priorities else None)
            if spelled is None:
                raise UsageProblem(
                    f"The site has no priority '{name}'.",
                    hint=f"It has {', '.join(self._priorities)}.",
                )
            found.append(spelled)
        return list(dict.fromkeys(found))

    def statuses(self, names: str) -> list[str]:
        """The project's spelling of a comma list of statuses. Raises UsageProblem for one it does not have."""
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        if not wanted:
            return []
        if not self._statuses:
            self._statuses = self._site.statuses(self._settings.project)
        known = {name.casefold(): name for name in self._statuses}
        for name in wanted:
            if name.casefold() not in known:
                raise UsageProblem(
                    f"Project {self._settings.project} has no status '{name}'.",
                    hint=f"It has {', '.join(self._statuses)}.",
                )
        return list(dict.fromkeys(known[name.casefold()] for name in wanted))

    def person(self, name: str) -> Account:
        """The one account that is called ``name`` (account id, address or full name); "" and "me" are ourselves.

        Raises UsageProblem when there is none or more than one.
        """
        if name.strip().casefold() in ("", "me", "currentuser()"):
            return self.me()
        found = self._find(name)
        if len(found) == 1:
            return found[0]
        what = "nobody" if not found else f"{len(found)} accounts"
        raise UsageProblem(
            f"'{name}' names {what} on this site.", hint="Give the account id, which is unique."
        )

    def escalation(self, key: str) -> Account | None:
        """Who gets what the crew cannot finish: an account, or a member of a group, spread by incident.

        None when nobody is configured or the name is not known.
        """
        name = self._settings.escalation.strip()
        if not name:
            return None
        found = self._find(name)
        if len(found) == 1:
            return found[0]
        members = sorted(
            (member for member in map(account, self._site.group_members(name)) if member is not None),
            key=lambda member: member.id,
        )
        return members[zlib.crc32(key.encode()) % len(members)] if members else None

    def _find(self, name: str) -> list[Account]:
        """Exact matches only: a search for "ann" must not assign to Joanna."""
        wanted = name.strip().casefold()
        exact = [
            user
            for user in self._site.users(name.strip())
            if wanted
            in (
                str(user.get("accountId", "")).casefold(),
                str(user.get("emailAddress", "")).casefold(),
                str(user.get("displayName", "")).casefold(),
            )
        ]
        by_id = [user for user in exact if str(user.get("accountId", "")).casefold() == wanted]
        return [found for found in map(account, by_id or exact) if found is not None]
