"""One module per command of focus-export, loaded when it is called; receivers is what two share."""
