"""One SSH connection, one command, its output: the only user of paramiko.

paramiko's Transport is driven directly, each phase with its own deadline: connect, handshake, host key, login, command.
ESXi's server takes passwords by keyboard-interactive only, so that is what is tried; trying "password" first would ask for
the login service twice, which not every server takes. Algorithms are left to the two sides: forcing any can lock out a
host in FIPS mode. TCP_NODELAY is set on the socket, which paramiko does not do and which saves 50 ms and more a host.

    client      login, then one command          link        the connection, its handshake and its deadlines
    command     what a command wrote             key         private keys from files
"""
