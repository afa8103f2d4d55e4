"""A run on disk: its folder, its record, its weights and its geometry."""
