"""One module per command of focus-export, loaded when the command is called."""
