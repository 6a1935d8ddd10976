"""How artifacts run: one module a runtime, imported in its worker only."""
