"""Command-line options that several commands and the pytest plugin share."""
