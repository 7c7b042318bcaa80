"""`make load`: simulated cameras over real websockets against real servers."""
