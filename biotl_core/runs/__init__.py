"""What outlives the browser: the run folder, its worker, and the queue for each device."""
