"""Speed and quality, each against a named rival in the same run."""
