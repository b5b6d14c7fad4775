#!/bin/sh
# Makes sure that there is a Chromium for the browser tests and a font with Chinese signs for its pages.
# Usage: browser.sh PYTHON
set -eu

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

if [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    wanted=""
    find_chromium >/dev/null || wanted="chromium"
    { command -v fc-list >/dev/null && fc-list :lang=zh family | grep -q .; } || wanted="$wanted fontconfig fonts-noto-cjk"
    [ -n "$wanted" ] || exit 0
    echo "setting up:" $wanted
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
else
    find_chromium >/dev/null || "$1" -m playwright install chromium
fi
