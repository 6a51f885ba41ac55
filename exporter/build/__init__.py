"""A build: dbt's run over raw files, published whole."""
