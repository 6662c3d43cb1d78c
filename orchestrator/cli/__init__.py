"""The command line: argv is read, one call is made, its answer is written. No decision lives here."""
