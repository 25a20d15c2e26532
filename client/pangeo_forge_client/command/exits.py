"""The exit codes of the command."""

EXIT_OK = 0
EXIT_RUN_FAILED = 1  # the run that the command is about has failed
EXIT_USAGE = 2  # the command cannot be done as it is: an unknown option, or a request that the service refused
EXIT_SERVICE = 3  # the service did not answer or is busy: the same command may succeed later
EXIT_INTERRUPTED = 130
