"""The distributed engine: the log in streams of NATS JetStream. `router.log.jetstream.log` is where to begin."""
