"""The machine: processor, cards, interpreters, and what they could do at best."""
