"""Both sides of a partner and a day compared: what each says that it sent and received. Pure."""
