"""What happens on nodes: pulling, configuring, starting, probing and stopping containers, and saying so in status and events."""
