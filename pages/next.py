"""Next round: choose what to measure next, and bring back what was measured."""

from widgets import begin_page

begin_page("next", "Choose what to measure next.")
