"""Extracts: what is selected, and the files it is written to."""
