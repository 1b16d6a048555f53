"""CSSV: video that carries its own heat map."""
