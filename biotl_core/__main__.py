"""`python -m biotl_core VERB`."""

import os
import sys

# As for workers: cores that wait for each other sleep. Read when the first library with OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from biotl_core.cli import main

sys.exit(main())
