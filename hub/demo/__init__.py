"""The main job, for real, on this machine: ``lienthong demo``."""

from hub.demo.run import run as run
