"""The benchmarks on a machine with a GPU and without network: README.md beside this says how."""
