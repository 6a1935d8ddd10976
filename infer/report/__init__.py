"""Reports: the summary of a run as tables, pages and files."""
