"""Keeps hosts' configuration bundles on this machine, encrypted; in the clear only for somebody who said so."""
