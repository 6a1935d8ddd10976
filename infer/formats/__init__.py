"""The artifact formats: detect them, and describe their files without a framework.

No code of an artifact is run, and nothing is unpickled. The readers run in a separate process with
limits (sandbox/reader_process.py).
"""
