"""`python -m biotl_core VERB`."""

import sys

from biotl_core.cli import main

sys.exit(main())
