"""The stages put together: frame -> objects -> drawing -> stego frame -> file, and back."""
