"""One stage of one incident, around the crew: credentials, claim, context, what happens when something fails.

A stage is a process. It gets the credentials of its stage and no others, reads everything else from the incident's
record, and leaves a report. Which tools its agent holds, and what the agent is told, is `selfheal.agents`' business.
"""
