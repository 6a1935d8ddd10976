"""The machine: processor, cards, interpreters, and the peak rates of processor and card."""
