"""The programs of a simulated host, from ``cat`` to ``esxcli``."""
