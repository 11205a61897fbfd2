"""What is held in the hand: what senders get from the hub, and what partners bring as proof."""
