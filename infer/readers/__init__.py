"""One module a format: what its files say of themselves, read without a framework.

Nothing of an artifact is run, and nothing is unpickled. `infer.reading` has them work in a
process with limits of its own.
"""
