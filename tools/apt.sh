#!/bin/sh
# apt.sh PACKAGE...: installs Debian packages; run as root by setup.sh.
#
# What comes with a service is not to run because of us: nginx, which tests start for themselves, would take port 80 of
# a developer's machine, now and after each boot. invoke-rc.d asks policy-rc.d (Debian Policy 9.3.3) before it starts
# anything; a machine that has one has decided for itself.
set -eu
policy=/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive

if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get install -y --no-install-recommends "$@"

for package in "$@"; do
    case $package in
    nginx*) if command -v systemctl >/dev/null; then systemctl disable nginx.service || :; fi ;;
    esac
done
