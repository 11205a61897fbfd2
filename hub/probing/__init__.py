"""What a partner's test system does, tried: by the same room that will deliver to it, and never on a live address unless that is wanted."""
