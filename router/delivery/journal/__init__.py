"""The state of a destination in a cluster: a journal of what changed in it. `router.delivery.journal.state` comes first."""
