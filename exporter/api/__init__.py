"""The FOCUS API: one service that REST and MCP both call, and the REST side of it."""
