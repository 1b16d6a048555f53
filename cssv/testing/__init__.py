"""Synthetic clips, hypothesis strategies and contract tests for tests and plug-ins."""
