"""Next round: choose what to measure next, and bring back what was measured."""

import streamlit as st

from biotl_core.errors import UserError
from biotl_core.shell import shell_command
from widgets import begin_page, draw_error, draw_shell_command
from widgets.kept import kept
from widgets.kept_results import choose_result, draw_result, open_result
from widgets.next_form import choose_next
from widgets.next_view import draw_plan
from widgets.round_view import draw_new_measurements
from widgets.run_choice import choose_finished_run

COMPUTED = """
A Gaussian process learns from **all** measurements of the run (its parts do not matter here) and says for every
candidate what to expect and how unsure that is (Rasmussen and Williams 2006). It sees sequences in several ways: which
letters stand where, how alike these are (BLOSUM62), what kind of exchange it is, atom groups and properties of
molecules, what the backbone makes of them, how likely the backbone finds them. The measurements decide which of these
count (marginal likelihood). How good the guesses are is measured by leaving out one measurement after the other.

The batch is chosen one by one, as if each had been measured at once, so that it does not ask the same question twice
(GP-BUCB, Desautels et al. 2014, JMLR 15:4053; expected improvement after Jones et al. 1998, J. Glob. Optim. 13:455).
Of mutants, a protein's first methionine is left as it is. Few measurements cannot tell
everything: the interval says how far to trust a guess.
"""
_CHOOSE, _BRING = "Choose what to measure", "Bring back what was measured"

begin_page("next", "Choose what to measure next, lay it out on plates, and learn from what comes back.")
shown = choose_result("plan")
run = choose_finished_run(shown)
way = st.segmented_control(
    "What now", [_CHOOSE, _BRING], required=True, label_visibility="collapsed", **kept("next", "way", _CHOOSE)
)
if way == _CHOOSE:
    choice = choose_next(run)
    if st.button("Choose the next round", type="primary", icon=":material/science:"):
        try:
            folder = choice.start()
        except UserError as error:
            draw_error(error)
        else:
            open_result("plan", folder)
    draw_result("plan", shown, draw_plan)
    command = shell_command("next", choice.shell_options())
else:
    data = draw_new_measurements(run)
    command = shell_command("add-round", {"run": run.folder, "data": data})
with st.expander("How was this computed", icon=":material/function:"):
    st.markdown(COMPUTED)
draw_shell_command(command)
