"""The state of a destination in a cluster: a journal of its changes. Begin reading at `router.delivery.state.journal.state`."""
