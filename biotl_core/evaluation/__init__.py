"""STEP 5 of the chain: judge honestly (metrics, intervals, simple methods beside every result)."""
