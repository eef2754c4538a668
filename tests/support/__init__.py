"""Real things for tests to lean on: servers, browsers, mail, processes, and a network that fails on request."""
