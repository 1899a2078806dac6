"""The demonstration: a territory, simulated people and the loop that turns over the HTTP API."""
