"""The catalogue of faults: one file a fault, its page as docstring, how it is detected, what mends it.

Belongs here: judging a snapshot. Does not belong here: reading clusters (cluster), choosing the root among
several findings (diagnosis), finding and editing files (repair).
"""
