"""`make attack-day`: thousands of hostile attempts at a real server, and what became of each of them."""
