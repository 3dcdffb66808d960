"""Simulated ESXi hosts: their banks, images, files, power and SSH service."""
