"""Raw files: which source each is of."""
