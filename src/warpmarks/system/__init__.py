"""What is asked of the machine: files, locks, memory, threads, processes, devices, progress."""
