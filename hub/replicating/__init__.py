"""What a hub gives to the hubs below it as signed versions, what they report upwards, and what becomes of a unit that is taken over."""
