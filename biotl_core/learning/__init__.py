"""STEP 4 of the chain: fine-tune, and bring a finished run back to life."""
