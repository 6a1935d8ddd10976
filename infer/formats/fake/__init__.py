"""The format of the runtime without a framework."""
