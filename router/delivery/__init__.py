"""HTTP out: from the log to the vendors.

    log ──▶ reader ──▶ preparation ──▶ lanes ──▶ flight ──▶ lander ──▶ settlement ──▶ ledger ──▶ state
                       decide, map      order     send, judge                        books       on disk

A `worker` is one destination at work and holds these parts; a `fleet` holds the workers. Why a worker waits is said by its
`pace` (the vendor), its `halt` (the plugin) and its `parking` (one user's events). `jobs/` sends events again, `sharing/` parts
the work among the routers of a cluster.
"""
