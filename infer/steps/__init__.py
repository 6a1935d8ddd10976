"""What commands, functions and the pytest plugin are made of: plan, measure, evaluate."""
