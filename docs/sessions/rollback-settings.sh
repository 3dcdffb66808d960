# Run: auditor lab run --quiet rollback -- sh "$PWD"/docs/sessions/rollback-settings.sh
. "$(dirname "$0")/rollback-setup.sh"
auditor lab do change ntp of production-01 to ntp9.lab.example > /dev/null
ann rollback plan production-01 --to 24585383 --out lost.plan.json | grep -e '^ann' -e 'BLOCKS *settings-changed'
ann snapshot > /dev/null
ann history settings production-01
