"""The steps that commands, functions and the pytest plugin share: plan, measure, evaluate."""
