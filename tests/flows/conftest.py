"""Outside traces are run by path where the operator names them; without paths there is nothing to run."""

import os

collect_ignore = [] if os.environ.get("TALLY_TRACE_AZURE") else ["test_import_real_traces.py"]
