"""dbt as a process: the child that runs it and the parent that watches it."""
