"""What a person may do with transfers. Pure."""
