"""The five agents, a file each: role, goal, backstory, what they are told, which tools they hold.

Belongs here: words and tool lists, as data. Does not belong here: CrewAI objects (crew), tools, what a stage does
around its agent (stages).
"""
