"""Side-by-side benchmarks: what logging costs the thread, and the event loop, that logs. See README.md."""
