"""How often the tool is wrong: comparisons whose right answer is known."""
