"""One script for each question; `QUESTIONS` has them in the order in which they are asked."""
