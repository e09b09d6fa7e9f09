"""What is seen on the wire between a charger and a server: logs of frames, and what they tell of the charger."""
