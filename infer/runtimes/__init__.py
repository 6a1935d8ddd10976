"""The runtimes: one module for each, which is imported only in workers."""
