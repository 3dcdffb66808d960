# Run: auditor lab run --quiet rollback -- sh "$PWD"/docs/sessions/rollback-guided.sh
. "$(dirname "$0")/rollback-setup.sh"
ann rollback plan production-01 production-02 --to 24585383 --out two.plan.json \
    --override "cluster-image=remediation is held back until CHG-4712 lowers the image" | tail -4
bob rollback approve two.plan.json | tail -5
# The person at the consoles: does what the card says, once for each host that waits for it.
while :; do
    sleep 1
    AUDITOR_CONFIG=ann.toml auditor rollback status --json 2> /dev/null | python3 -c '
import json, sys
for operation in json.load(sys.stdin)["operations"]:
    print(*(host["host"] for host in operation["hosts"] if host["state"] == "WAITING_FOR_PERSON"), sep="\n")
' 2> /dev/null | while read -r host; do
        [ -n "$host" ] || continue
        grep -qx "$host" seen 2> /dev/null && continue
        echo "$host" >> seen
        auditor lab do press shift+r on "$host" > /dev/null && auditor lab do reboot "$host" > /dev/null
    done
done &
person=$!
ann rollback run two.plan.json --execute --ticket CHG-4711
kill $person
ann audit | head -5
