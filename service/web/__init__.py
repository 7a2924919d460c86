"""HTTP: what other machines and people reach through the network."""
