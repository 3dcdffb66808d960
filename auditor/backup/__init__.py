"""Keeps hosts' configuration bundles on this machine, encrypted when a key is configured."""
