"""Nodes to nodes: derivatives and batching of what was recorded."""
