"""What the command line says when it can't do what was asked."""


class UserError(Exception):
    """The user's mistake: one sentence that says what is wrong, where, and what to do (exit 2)."""


class DataError(Exception):
    """The data failed a check: nothing was published (exit 1)."""


class IncompleteError(Exception):
    """Done, but something is missing and the user asked for completeness (exit 3)."""
