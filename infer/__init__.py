"""Compare exported models: speed, agreement and accuracy, each in a process of its own."""

__version__ = "0.1.0"
