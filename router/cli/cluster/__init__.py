"""A router that shares its log with others, in a NATS cluster. It takes the partitions that it gets hold of."""
