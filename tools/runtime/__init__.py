"""The runtime of networks in this process: threads, OpenMP, and the one import that has to be helped."""
