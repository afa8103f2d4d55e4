"""What a detector is worth on annotated images."""
