"""Rows of objects <-> files of other programs: CSV, JSON Lines, Parquet, MOT."""
