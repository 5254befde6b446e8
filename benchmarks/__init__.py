"""Measurements that the documents quote. Each is a module of its own, run by `python -m benchmarks NAME`; none is a test."""
