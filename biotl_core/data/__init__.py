"""STEP 2 of the chain: her table becomes a Dataset (read, check and repair, split)."""
