"""Scene, tracks and states as few bytes, and back."""
