"""Pictures of what a detector has learned, drawn from plain arrays.

Every function takes uint8 images and landmarks in pixels of those images (centres at integers) and
returns a matplotlib figure that belongs to nobody else: no pyplot, no global state.
"""
