"""What an answer may be, how it is made, and how it is written."""
