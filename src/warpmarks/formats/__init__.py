"""Points in the files of other tools: one module per format, all through one table.

`warpmarks.formats.registry` reads and writes any of them; docs/formats.md compares them.
"""
