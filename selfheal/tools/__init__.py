"""The tools agents hold: thin adapters between a model's call and the packages that do the work.

Belongs here: binding to one incident, stage and claim; schemas; time limits; redacted, bounded answers as JSON.
Does not belong here: decisions (they are in jsm, diagnosis, repair, pulls, rollout), prompts (agents).
"""
