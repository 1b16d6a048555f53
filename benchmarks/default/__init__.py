"""Parts of the benchmark of the default file: clips, files, copies, and what is measured on them."""
