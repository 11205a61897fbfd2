"""The processes of a hub: supervisor, web, workers, and the pools that verify and seal."""
