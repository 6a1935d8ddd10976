"""The exit statuses of commands."""

OK, FAILED, WRONG_USAGE, NOT_MEASURED, NOT_SURE, INTERRUPTED = 0, 1, 2, 3, 4, 130
