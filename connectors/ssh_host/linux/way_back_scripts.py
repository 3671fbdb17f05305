"""The fixed shell scripts of the way back (POSIX sh): laid, started, looked at, confirmed; and the leaving that waits for our word."""

from typing import Final

from connectors.ssh_host.linux.scripts import OTHERS

PREPARE: Final = """
set -e
umask 077
dir=$1
[ -d "$dir" ] || mkdir "$dir"
[ -O "$dir" ] && [ ! -L "$dir" ] || exit 4
cd "$dir"
date +%s > probe
[ -e armed ] && { echo "armed $(cat deadline)"; exit 0; }
[ ! -e firing ] || sh restore.sh "$dir" </dev/null >/dev/null 2>&1 # a reboot ended it: what it has not put back is only here
exec 9> lock && flock -n 9 || exit 5 # it runs just now
for old in firing fired replaced changed.ssh changed.sudo changed.pam; do [ ! -e "$old" ] || mv "$old" "$old.$(date +%s)"; done
rm -rf "$dir/before"
mkdir before
for place in /etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/sudoers /etc/sudoers.d /etc/pam.d; do
  [ -r "$place" ] && [ "$(id -u)" = 0 ] && { mkdir -p "before${place%/*}"; cp -a "$place" "before${place%/*}/"; }
done
echo fresh
"""
"""Makes our folder and copies the host's own state into it, unless a way back is armed: its copies are older, so they stand."""

START: Final = """
set -e
umask 077
dir=$1 seconds=$2
cd "$dir"
[ ! -e firing ] || exit 5 # it ran before it was renewed
[ ! -e confirmed ] || mv -f confirmed confirmed.before # what was confirmed was another change
while read -r number mode owner file; do readlink -f "${file%/*}" > "place.$number"; done < kept
echo $(($(date +%s) + seconds)) > deadline.new
echo "$(cat /proc/sys/kernel/random/boot_id) $(($(cut -d. -f1 /proc/uptime) + seconds))" > deadline.up
mv -f deadline.new deadline
: > armed
over_a_boot=
name=${dir##*/}
if command -v at >/dev/null && pgrep -x atd >/dev/null &&
  echo "sh '$dir/restore.sh' '$dir'" | at now + $(((seconds + 119) / 60)) minutes 2>/dev/null; then over_a_boot=", at"
elif [ "$(id -u)" = 0 ] && [ -d /etc/cron.d ] && { pgrep -x cron || pgrep -x crond; } >/dev/null &&
  echo "@reboot root sh '$dir/restore.sh' '$dir'" > cron && mv -f cron "/etc/cron.d/${name#.}"; then over_a_boot=", cron"
fi
if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ] &&
  systemd-run -q --unit="good-leaver-$(date +%s)-$$" --on-active="$seconds" sh "$dir/restore.sh" "$dir" 2>/dev/null; then
  echo "systemd$over_a_boot"
elif command -v setsid >/dev/null; then
  setsid sh "$dir/restore.sh" "$dir" </dev/null >/dev/null 2>&1 &
  echo "setsid$over_a_boot"
else
  [ -n "$over_a_boot" ] && exec echo "${over_a_boot#, }"
  exit 4
fi
"""
"""Has it wait in two ways: one that a wrong clock does not hold up, and where at or cron runs, one that a reboot does not end."""

_HOLDS: Final = """
holds() { # every line of the second stands in the first; what cannot be compared does not
  [ -s "$1" ] || { [ -e "$2" ] && [ ! -s "$2" ]; return; } # to some greps every line stands in an empty file
  grep -qavxF -f "$1" "$2"
  [ $? = 1 ]
}
"""

RESTORE: Final = (
    """#!/bin/sh
# Brings back what the client and the host need to come in, if nobody has confirmed in time that they can. It brings nothing of ours back.
# Made by Good Leaver; it changes nothing unless it still finds a file `armed` beside it when the time is over.
dir=$1
cd "$dir" || exit 1
umask 077
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
name=${dir##*/}
early() { # neither by the clock, which may be set, nor by how long the host is up
  [ "$(date +%s)" -lt "$(cat deadline)" ] || return 1
  read -r boot up < deadline.up
  [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ] || [ "$(cut -d. -f1 /proc/uptime)" -lt "$up" ]
}
while early; do
  [ -e armed ] || { [ -e firing ] && break; exit 0; } # confirmed: what is armed right after this has somebody of its own who waits
  sleep 1
done
exec 9> lock && flock -n 9 || exit 0 # who waits in another way does it; a reboot, or whoever ended that one, gave the lock back
mv armed firing 2>/dev/null || [ -e firing ] || exit 0
exec >> log 2>&1
echo "$(date): nobody confirmed in time"
put_back() { # the place below which copies are put back, and where to write which: before it is done, so that none stays untested
  [ -e "before$1" ] || return 0
  find "before$1" -type f ! -name '*.good-leaver' > files || { echo "could not be put back: $1"; return 0; }
  while IFS= read -r copy; do
    file=${copy#before}
    cmp -s "$copy" "$file" && continue
    [ -e ours ] && grep -qxF -e "$file" ours && continue
    put_back_one "$2" || echo "could not be put back: $file"
  done < files
}
put_back_one() {
  mkdir -p "replaced${file%/*}" "${file%/*}" || return 1
  if [ -e "$file" ]; then keep_replaced || return 1; fi
  echo "$file" >> "$1" && cp -p "$copy" "$file.good-leaver" && cmp -s "$copy" "$file.good-leaver" &&
    mv -f "$file.good-leaver" "$file" && echo "put back: $file"
}
keep_replaced() { # also beside what an earlier run kept, which a reboot ended
  [ ! -e "replaced$file" ] || cmp -s "$file" "replaced$file" || mv -f "replaced$file" "replaced$file.$(date +%s)" || return 1
  cp -p "$file" "replaced$file" && cmp -s "$file" "replaced$file"
}
take_back() { # everything that was put back there, as it failed its own test
  while IFS= read -r file; do
    if [ -e "replaced$file" ]; then
      cp -p "replaced$file" "$file.good-leaver" && cmp -s "replaced$file" "$file.good-leaver" && mv -f "$file.good-leaver" "$file"
    elif [ -e "$file" ]; then mv -f "$file" "$file.good-leaver" # there was none before; under this name nobody reads it
    fi && echo "it fails its own test, so it stays as it was found: $file" || echo "it fails its own test, and is there still: $file"
  done < "$1"
}
put_back /etc/ssh changed.ssh
if [ -s changed.ssh ]; then
  if /usr/sbin/sshd -t; then
    if [ -d /run/systemd/system ]; then systemctl reload ssh || systemctl reload sshd
    elif [ -e /run/sshd.pid ]; then kill -HUP "$(cat /run/sshd.pid)"; fi
  else take_back changed.ssh; fi
fi
put_back /etc/sudoers changed.sudo
put_back /etc/sudoers.d changed.sudo
if [ -s changed.sudo ] && ! visudo -c -q; then take_back changed.sudo; fi
put_back /etc/pam.d changed.pam
"""
    + _HOLDS
    + """
lines_back() { # each step only if the one before succeeded, and nothing is put in place that was not compared: the disk may be full
  cp /dev/null now || return 1
  if [ -e "$file" ]; then
    [ -f "$file" ] || return 1
    dd if="$file" of=now iflag=nofollow 2>/dev/null || {
      dd --version >/dev/null 2>&1 && return 1 # it became a link just now; where dd knows no such flag, cat has to do
      cat "$file" > now || return 1
    }
    cmp -s "$file" now || return 1
  fi
  holds now "keep.$number" && return 0
  { if [ -s now ]; then grep -avxF -f now "keep.$number"; else cat "keep.$number"; fi; } > missing || return 1
  cp now "replaced.$number" && cp now ready || return 1
  if [ -s ready ] && [ -n "$(tail -c 1 ready)" ]; then echo >> ready || return 1; fi
  cat missing >> ready && mkdir -p "${file%/*}" && chown "$owner" ready && chmod "$mode" ready || return 1
  mv -fT ready "$file.good-leaver" && holds "$file.good-leaver" now && holds "$file.good-leaver" "keep.$number" || return 1
  mv -fT "$file.good-leaver" "$file" && echo "put lines back that are not ours: $file"
}
[ -e kept ] && while read -r number mode owner file; do
  # we are root, and the folder may be somebody's who would like us to follow a link of his
  if [ -L "$file" ] || [ "$(readlink -f "${file%/*}")" != "$(cat "place.$number")" ]; then
    echo "left, since it is behind a link now: $file"
    continue
  fi
  lines_back || echo "could not be put back, and stays as it is: $file"
done < kept
command -v restorecon >/dev/null && [ -e kept ] && while read -r number mode owner file; do restorecon "$file"; done < kept
[ ! -e "/etc/cron.d/${name#.}" ] || mv -f "/etc/cron.d/${name#.}" cron.done
echo "$(date): done"
mv firing fired
"""
)
"""The way back itself, laid on the host as a file."""

_WRONG: Final = (
    _HOLDS
    + """
if [ "$(id -u)" = 0 ]; then
  [ ! -x /usr/sbin/sshd ] || /usr/sbin/sshd -t >/dev/null 2>&1 || wrong="$wrong sshd"
  command -v visudo >/dev/null && { visudo -c -q >/dev/null 2>&1 || wrong="$wrong sudo"; }
fi
while read -r number mode owner file; do
  [ -e "$file" ] && now=$file || now=/dev/null
  holds "$now" "keep.$number" || wrong="$wrong $file"
done < kept
"""
)
"""Adds to `wrong`, within the folder, what fails its own test, and the files from which a line went that is not ours."""

CHECK: Final = (
    """
export LC_ALL=C
cd "$1" || exit 4
wrong="""
    + _WRONG
    + """
[ -e armed ] || wrong="$wrong way-back"
echo "wrong:$wrong"
"""
)

RAN: Final = """
cd "$1" 2>/dev/null || exit 0
for mark in firing firing.* fired fired.*; do
  [ ! -e "$mark" ] || { echo ran; tail -n 60 log; exit 0; }
done
"""
"""Whether it ever ran, and what it wrote then."""

CONFIRM: Final = """
cd "$1" && { mv armed confirmed 2>/dev/null || [ -e confirmed ]; } || exit 1
name=${1##*/}
[ ! -e "/etc/cron.d/${name#.}" ] || mv -f "/etc/cron.d/${name#.}" cron.done
"""

LEAVE: Final = (
    OTHERS
    + """
trap '' PIPE HUP
dir=$1 account=$2 close=$3 keys=$4; shift 4
cd "$dir" || exit 4
[ -z "$(others "$account")" ] || exit 4
export LC_ALL=C
result=
was=$(awk -F: -v name="$account" '$1 == name { print substr($2, 1, 1) "|" $8 }' /etc/shadow)
# first, since nobody comes in any more by whom it could be made good once the key is gone
if [ "$close" = yes ]; then usermod -L -e 1 "$account" || exit 6; fi
if [ -e "$keys.good-leaver" ] && ! mv -fT "$keys.good-leaver" "$keys"; then
  [ "$close" != yes ] || case $was in '!'*) usermod -e "${was#*|}" "$account";; *) usermod -U -e "${was#*|}" "$account";; esac
  exit 5
fi
for file; do
  [ -e "$file" ] || continue
  mv -nT "$file" "$file.good-leaver"
  [ ! -e "$file" ] || { result="$result $file"; continue; }
  visudo -c -q >/dev/null 2>&1 || { mv -nT "$file.good-leaver" "$file"; result="$result $file"; }
done
wrong=$result"""
    + _WRONG
    + """
echo "wrong:$wrong"
exec 3<&0
{ read -r answer && [ "$answer" = confirm ]; } <&3 &
word=$!
read -r boot up < deadline.up
{ while [ -e armed ] && [ "$(cut -d. -f1 /proc/uptime)" -lt "$up" ]; do sleep 1; done; kill "$word"; } </dev/null >/dev/null 2>&1 &
bound=$! # a line that was cut may never tell its end
wait "$word"
said=$?
kill "$bound"
if [ "$said" = 0 ] && mv armed confirmed; then
  name=${dir##*/}
  [ ! -e "/etc/cron.d/${name#.}" ] || mv -f "/etc/cron.d/${name#.}" cron.done
  echo confirmed
fi
if [ "$close" = yes ]; then
  sleep 0.5
  [ -d /run/systemd/system ] && loginctl terminate-user "$account" 2>/dev/null
  pkill -KILL -u "$account"
fi
exit 0
"""
)
"""Our own way in, all at once, since half of it would keep us from the other half; then it waits for our word on the client's way in, as
long as the way back waits. Our sessions end whether it came or not."""
