"""The life of an incident: states, transitions, the record, and the proofs that a state asks for.

Pure: no I/O, no clock, no import of the rest of the house. Whoever wants a state changed brings a proof that a
verifier made by asking the source; metadata from a model or a Jira editor is never one.
"""
