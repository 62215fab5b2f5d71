"""Bernie's service: accounts, credits, clips, the durable queue and the Ray Serve graph."""
