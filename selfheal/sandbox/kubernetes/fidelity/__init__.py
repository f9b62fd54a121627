"""How near the embedded cluster comes to a recorded one: the same objects, and what became of them there and here.

``recording`` reads a snapshot, ``derive`` says by one rule how its images behave, ``replay`` applies it, ``compare`` lists
what differs, ``table`` writes the list down. No knowledge of any particular recording belongs here.
"""
