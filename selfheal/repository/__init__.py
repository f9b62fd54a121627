"""The repository that deploys a service, as a tree of regular files with a history.

Belongs here: running git (nowhere else), reading files and revisions, confining paths. Does not belong here: what a
file means (repair), GitHub (pulls).
"""
