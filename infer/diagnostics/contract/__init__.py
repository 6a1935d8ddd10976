"""Whether a format and a runtime keep the contract that plug-ins are written for."""
