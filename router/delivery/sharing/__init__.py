"""Sharing the partitions of a cluster's log among routers."""
