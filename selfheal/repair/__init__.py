"""From a remedy to a change set: finds the files that decide a field, edits them, proves what the edit does.

Belongs here: sources (plain manifests, Kustomize, Helm), byte-preserving edits, values, the render contract, schema,
policy, the envelope and the gate. Does not belong here: running git (repository), network of any kind, GitHub (pulls).
"""
