"""Pull requests: creates, adopts, watches, comments, merges and reverts them, and proves what GitHub shows.

Belongs here: everything that talks to GitHub's REST API, through PyGithub, which nothing else imports. Does not belong
here: git itself (repository), rendering or judging a change (repair), any decision about an incident's state. Only
bytes that the gate signed are written; nothing of the repository is rendered or executed.
"""
