"""Warehouses: connections, loading, checks, and copies of their builds."""
