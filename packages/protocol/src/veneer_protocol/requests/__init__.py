"""What a request may be, and how it is read."""
