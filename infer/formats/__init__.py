"""What the files of each format say of themselves, read without a framework.

Nothing of an artifact is run, and nothing is unpickled. The readers work in a process with limits
of its own (sandbox/reader_process.py).
"""
