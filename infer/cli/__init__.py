"""The command line: one file a command, from arguments to an exit status. Nobody imports it."""
