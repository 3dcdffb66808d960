# Run: auditor lab run --quiet rollback -- sh "$PWD"/docs/sessions/rollback-unattended.sh
. "$(dirname "$0")/rollback-setup.sh"
ann rollback window production-01 | grep -v ' -> '
ann rollback plan --cluster Production --to 24585383 --unattended --out production.plan.json | grep 'gates pass\|BLOCK\|next:\|exit'
ann rollback plan --cluster Production --to 24585383 --unattended --out second.plan.json \
    --override "cluster-image=remediation is held back until CHG-4712 lowers the image"
bob rollback approve second.plan.json | tail -5
ann rollback run second.plan.json --unattended
ann rollback run second.plan.json --unattended --execute --ticket CHG-4711
ann propose Production --vcenter lab --from-host production-01.lab.example | head -14
ann apply lab-Production*.proposal.json --execute --ticket CHG-4712 | grep -v "^$" | sed "s#/tmp/auditor-lab-[^/]*/##"
ann audit | head -4
