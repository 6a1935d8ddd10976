"""From the records of a run to what a report shows."""
