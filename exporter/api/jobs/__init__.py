"""Export jobs: orders, the store, workers and their processes."""
