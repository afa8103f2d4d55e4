"""Published image sets, read in their own layout from the user's disk; nothing is downloaded.

`registry.PUBLISHED` holds one `PublishedSet` for each; `checking.check` compares a folder with it,
and `preparing.prepare` writes it as a set in our layout, which every command takes.
"""
