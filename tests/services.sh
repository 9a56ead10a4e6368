#!/bin/sh
# Installs what service-backed tests start privately, from Debian's packages, as root.
# Without root or apt it prints the one line to run; those tests are then counted as not run.
needed=""
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || needed="$needed chromium"
command -v openssl >/dev/null 2>&1 || needed="$needed openssl"
command -v redis-server >/dev/null 2>&1 || needed="$needed redis-server"
[ -z "$needed" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing for the tests:$needed …"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends $needed fonts-dejavu-core >/dev/null && exit 0
fi
echo "Some tests need:$needed. Run: sudo apt-get install -y$needed   (without it they are counted as NOT RUN)"
[ "${TALLY_REQUIRE_SERVICES:-}" = 1 ] && exit 1
exit 0
