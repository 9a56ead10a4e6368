"""Where counters of budgets live: in this process, in shared memory, in Redis. One port, one suite."""
