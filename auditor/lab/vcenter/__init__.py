"""The state of a simulated vCenter: its database, inventory, depot, drafts, tasks and faults."""
