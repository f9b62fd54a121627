"""Edits of YAML and JSON text that leave every other byte alone.

Belongs here: where a value stands in a file and how it is replaced, added or removed there. Does not belong here:
which value is right, which file decides.
"""
