"""The one error that a page or the shell may show as it is."""


class UserError(Exception):
    """A mistake the user can mend, told in one sentence.

    The sentence says where, what was found, what is allowed and what to do:
    "Row 7, column *sequence*: 'B' is not a DNA letter (A, C, G, T, N). Remove the row or choose Protein."
    """
