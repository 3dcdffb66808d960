"""The simulated ESXi shell: words, syntax, evaluation, builtins."""
