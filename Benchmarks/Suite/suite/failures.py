"""What ends the suite or a run, and the exit codes of sysexits."""

import os


class SuiteFailure(Exception):
    """Ends the suite with a message for a person and an exit code."""

    def __init__(self, message: str, code: int = os.EX_SOFTWARE):
        super().__init__(message)
        self.code = code


class RunFailure(Exception):
    """Ends one run; the others go on, and the table says so."""
