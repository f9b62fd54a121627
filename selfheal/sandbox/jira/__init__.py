"""The embedded Jira Service Management: a site with one service project, as far as incidents need it.

Belongs here: the platform API and service desk API that a client of incidents calls, with Jira's answers and Jira's
refusals. Does not belong here: anything that knows what the crew does with it.

``JiraEmulator()`` (in ``app``) is the server. Accounts ``bot``, ``maria`` and ``jonas`` (group ``on-call``), ``admin``
and ``customer``; the API token of each is ``JiraEmulator.token(login)``, sent as Bearer or as Basic with its e-mail
address. Both ``URL/rest/…`` and ``URL/ex/jira/<cloudId>/rest/…`` are served.

In Python::

    with JiraEmulator() as jira:
        key = jira.file_incident(summary="Checkout is down", priority="High", services=["checkout"])
        jira.as_person("maria").reassign(key, "jonas")

``as_person(login)`` has ``reassign(key, to)``, ``transition(key, to)`` (name of a transition or a status),
``comment(key, text, internal=)``, ``add_label``/``remove_label(key, label)``, ``edit(key, fields)``,
``edit_property(key, name, value)``, ``delete_property(key, name)``, ``delete(key)``, ``ask_approval(key, approvers)``;
each raises ValueError saying what the workflow or the site does not allow.
``behaviour`` holds the switches: rate limits, search lag, conditional writes, conflicts of transitions, the clock of
the ``Date`` header (see ``behaviour``). ``site.add_account(login, lacks={"EDIT_ISSUES"}, scopes={…})`` adds or changes
people; ``now`` is the clock.

Over HTTP, beside the endpoints every emulator has:

==============================================  ==================================================================
``POST /_sandbox/incidents``                    the arguments of ``file_incident``; answers ``{"key"}``
``GET /_sandbox/incidents``                     all issues with status, assignee, labels, properties, comments
``POST /_sandbox/people/<login>/<action>``      an action of ``as_person`` with its arguments by name
``GET``/``POST /_sandbox/accounts``             people with their tokens; add or change one
``GET``/``POST /_sandbox/behaviour``            the switches; change some
==============================================  ==================================================================
"""
