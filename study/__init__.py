"""The study: the paper's tables measured anew, and one page of what came out."""
