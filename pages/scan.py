"""Scan: the effect of every substitution, by a backbone as it is or by a finished run."""

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.shell import shell_command
from widgets import begin_page, draw_error, draw_shell_command
from widgets.kept_results import choose_result, draw_result, open_result
from widgets.scan_form import choose_scan, draw_sequences_found
from widgets.scan_view import draw_scan

COMPUTED = """
**By a backbone**: the logarithm of how much likelier it finds the new letter than the one that is there, with the
position hidden (masked marginals) or in sight (wild-type marginals); Meier et al. 2021, NeurIPS 34. It has seen no
measurement of yours: what is unusual in nature counts as harmful, whatever you measure. The small embedded backbone of
proteins has learned what families allow where a letter is in sight, and is asked so unless you choose otherwise; on the
mutant sets we tried it was about as good as a table of similar amino acids (BLOSUM62): better on two of five. The
literature uses ESM-2 with 150 million parameters or more.

**By a run**: its prediction for the sequence with the substitution minus that for the sequence as it is. The run knows
best what is like its training data.
"""

begin_page(
    "scan", "See what each exchange of a single letter would do, at every position of a protein or of DNA."
)
shown = choose_result("scan")
choice = choose_scan()
draw_sequences_found(choice)
if st.button("Scan all substitutions", type="primary", icon=":material/grid_on:"):
    try:
        folder = choice.start()
    except UserError as error:
        draw_error(error)
    else:
        open_result("scan", folder)
draw_result("scan", shown, draw_scan)
with st.expander("How was this computed", icon=":material/function:"):
    st.markdown(COMPUTED)
draw_shell_command(shell_command("scan", choice.shell_options()))
