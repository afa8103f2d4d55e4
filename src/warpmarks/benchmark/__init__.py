"""How fast this machine trains and detects, and how near that is to what its arithmetic allows."""
