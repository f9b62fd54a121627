"""What is known from before: runbooks in the repository and incidents that were resolved, searched by their words.

Belongs here: reading such documents and finding passages in them. Does not belong here: deciding what follows from
a passage; it is a hint to whoever reads it.
"""
