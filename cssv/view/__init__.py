"""Pictures for viewing: heat maps in colour, overlays, comparisons of versions."""
