"""Objects of a frame <-> heat map."""
