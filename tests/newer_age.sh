#!/bin/sh
# Puts an age of version 1.3 or newer into the folder that is named, unless there is one on PATH: the tests of post-quantum keys need it.
# Debian 12 and 13 have an older one, so it is taken from Debian testing: apt checks the signatures, and nothing of this system is changed.
set -eu
folder=$1
new() { "$1" --version 2>/dev/null | grep -Eq '^v?(1\.([3-9]|[1-9][0-9])|[2-9])'; }
if new age || new "$folder/usr/bin/age"; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)
[ -n "$mirror" ] || { echo "The tests need age 1.3 or newer, and apt knows no Debian mirror to fetch it from: install it by hand" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror testing main" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/lists";
Dir::Cache "$work/cache";
Acquire::Languages "none";
END
export APT_CONFIG="$work/apt.conf"
echo "Fetching age 1.3 or newer from Debian testing into $folder"
apt-get update -qq
(cd "$work" && apt-get download -qq -o APT::Sandbox::User=root age)
rm -rf "$folder"
mkdir -p "$folder"
dpkg-deb -x "$work"/age_*.deb "$folder"
new "$folder/usr/bin/age" || { echo "the age of Debian testing does not run here: install age 1.3 or newer by hand" >&2; exit 1; }
