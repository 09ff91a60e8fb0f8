"""The one exception that a user is meant to see: a single clear line, no traceback."""


class RlvfError(Exception):
    """What is wrong, where (file, line, key), and what to do about it, in one line.

    The command line prints it as it is and exits with status 1. Anything else that escapes is a
    defect of ours and keeps its traceback.
    """
