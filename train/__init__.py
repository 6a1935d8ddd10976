"""Three short training scripts, one a framework, on one recipe and one data module."""
