"""Who may sign what: certificate → person or seal → position → agency → procedures, with the days on which it counts."""
