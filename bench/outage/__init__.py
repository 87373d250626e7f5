"""What `outage` runs besides itself: a server that can be taken away, and the process of a peer that logs meanwhile."""
