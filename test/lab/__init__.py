"""A laboratory for real Pharos programs: namespaces, processes, certificates,
a store. Used by the demo (tools/demo) and by the system tests (test/sys).

Standard library only. Everything started here is ended here, by its process
id; every wait is for an event and has a deadline.
"""
