"""Parts of the benchmark of the robust carrier: clips, marks, copies, and what is read from these."""
