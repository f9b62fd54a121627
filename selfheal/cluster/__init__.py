"""What a cluster looked like at one time: objects, events, logs; live or from a dump.

Belongs here: reading, indexing, and relations that Kubernetes itself states (owner, selector, reference).
Does not belong here: opinions on what is wrong (faults), and any write to a cluster. Only ``live`` imports
the Kubernetes client.
"""
