"""The land administration system: what it calls the one-stop with."""
