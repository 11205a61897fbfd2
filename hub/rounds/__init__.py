"""Work that comes again while a worker runs, each round at work in one process of the cluster."""
