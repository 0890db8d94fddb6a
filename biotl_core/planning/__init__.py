"""Planning: the effect of every substitution, what to measure next, plates, and how good last round's guess was."""
