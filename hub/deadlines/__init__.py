"""When a dossier is due: working hours, the days themselves, what was promised. Pure."""
