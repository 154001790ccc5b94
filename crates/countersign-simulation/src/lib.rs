//! Both halves, a network, a clock and faults in one process from one seed.
