"""The commands that deploy an environment, move its traffic and take it away."""
