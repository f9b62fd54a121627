"""The result of a run, for programs (JSON) and for people (Markdown).

Pure functions from stage reports to documents, and the one function that writes them. Nothing here asks Jira, GitHub or
a cluster: what a report does not hold is not in the result.
"""
