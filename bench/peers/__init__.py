"""The loggers that are compared, one module each, named by its file. README.md tells how to add one."""
