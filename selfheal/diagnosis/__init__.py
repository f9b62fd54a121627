"""From a snapshot to a root cause: runs the catalogue, reduces, ranks, decides between fault, healthy and
unknown.

Belongs here: what needs the whole picture. Does not belong here: knowledge of single faults (faults), fixes
(repair).
"""
