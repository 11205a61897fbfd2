"""Trust as data: whom the hub asks about certificates and time, what they said, and when that is over."""
