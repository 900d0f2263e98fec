"""How networks run in this process: threads, OpenMP, and the one import that has to be helped."""
