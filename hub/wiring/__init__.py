"""The composition root: everything is built here, once, from the settings file. Nothing else names a room or a store.

One module per process, so that a command which only reads does not load what the others need.
"""
