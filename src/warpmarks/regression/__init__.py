"""From discovered landmarks to annotated points (sec. 4.3)."""
