"""What looks for causes: bisect, overhead, self-test, the check of a card."""
