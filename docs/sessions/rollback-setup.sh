# Two people with a configuration each, beside the lab's own. Sourced by the sessions.
cd "$(dirname "$AUDITOR_CONFIG")" || exit 1
for who in ann bob; do
    sed "s/^\[rollback\]\$/&\noperator = \"$who\"/" "$AUDITOR_CONFIG" > "$who.toml"
    chmod 600 "$who.toml"
done
ann() { printf '\nann$ auditor %s\n' "$*"; AUDITOR_CONFIG=ann.toml auditor "$@" 2>&1; echo "[exit $?]"; }
bob() { printf '\nbob$ auditor %s\n' "$*"; AUDITOR_CONFIG=bob.toml auditor "$@" 2>&1; echo "[exit $?]"; }
