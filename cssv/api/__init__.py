"""The public functions and classes: one file is one verb, and one command of the command line."""
