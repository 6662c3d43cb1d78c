"""Where a sweep's records lie: folders and object stores, the journal, the lease, requests, retention."""
