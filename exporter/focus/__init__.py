"""The FOCUS specification: metadata of its datasets and rules of its columns."""
